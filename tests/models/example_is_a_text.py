"""Its example lacks the content type."""

example = "1,2,3"


def load(model_dir):
    return None


def predict(model, data):
    return data
