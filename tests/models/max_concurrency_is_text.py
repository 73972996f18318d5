"""Its model's max_concurrency is no number."""


class Model:
    max_concurrency = "many"


def load(model_dir):
    return Model()


def predict(model, data):
    return data
