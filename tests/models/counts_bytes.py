"""Answers with the length of the body, whatever it is."""


def load(model_dir):
    return None


def decode(body, content_type):
    return body


def predict(model, data):
    return len(data)
