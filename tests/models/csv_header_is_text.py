"""Its csv_header is neither True nor False."""

csv_header = "yes"


def load(model_dir):
    return None


def predict(model, data):
    return data
