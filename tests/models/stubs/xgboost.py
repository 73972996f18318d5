"""As little of XGBoost as the scripts in tests/models/scripts use."""

import numpy as np


class DMatrix:
    def __init__(self, data):
        if isinstance(data, str):
            path, _, form = data.partition("?format=")
            assert form == "libsvm"
            with open(path) as file:
                rows = [
                    {int(i): float(v) for i, v in (pair.split(":") for pair in line.split()[1:])}
                    for line in file
                ]
            width = max(max(row) for row in rows) + 1
            data = np.array([[row.get(column, 0.0) for column in range(width)] for row in rows])
        self.data = np.asarray(data)

    def num_row(self):
        return len(self.data)


class Booster:
    def load_model(self, path):
        with open(path) as file:
            self.weight = float(file.read())

    def predict(self, matrix, validate_features=True):
        return (matrix.data.sum(axis=1) * self.weight).astype(np.float32)
