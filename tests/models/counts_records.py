"""Answers with the number of records, whatever they are."""


def load(model_dir):
    return None


def predict(model, data):
    return len(data)
