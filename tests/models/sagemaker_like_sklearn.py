"""Only model_fn, whose model takes rows of two numbers, as scikit-learn's do."""


class Estimator:
    n_features_in_ = 2

    def predict(self, rows):
        if rows.ndim != 2:
            raise ValueError(f"Expected 2D array, got {rows.ndim}D array instead")
        return rows.sum(axis=1)


def model_fn(model_dir):
    return Estimator()
