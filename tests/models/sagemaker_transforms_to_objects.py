"""transform_fn returns an object, and says what it was asked for."""


def model_fn(model_dir):
    return None


def transform_fn(model, body, content_type, accept):
    return {"body": body, "content_type": content_type, "accept": accept}
