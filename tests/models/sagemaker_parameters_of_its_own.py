"""Parameters with defaults that are no contexts, and some that are."""


def model_fn(model_dir, file_name=None):
    return file_name or "model.bin"


def input_fn(body, content_type="application/json", *args):
    return type(args[0]).__name__


def predict_fn(data, model, threshold=0.5):
    return [data, model, threshold]


def output_fn(prediction, accept, ctx=None):
    return [*prediction, type(ctx).__name__]
