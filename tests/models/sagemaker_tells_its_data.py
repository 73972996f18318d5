"""Without input_fn: answers with what predict_fn was given."""


def model_fn(model_dir):
    return None


def predict_fn(data, model):
    if hasattr(data, "toarray"):
        return [type(data).__name__, data.toarray()]
    return [type(data).__name__, data]
