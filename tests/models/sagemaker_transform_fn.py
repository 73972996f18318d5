"""transform_fn in place of input_fn, predict_fn and output_fn, with the context as a last argument."""


def model_fn(model_dir, context):
    return "model"


def transform_fn(model, data, content_type, accept, context):
    return f"{model} {data} {content_type} {accept} {bool(context.request_id)}", "text/plain"
