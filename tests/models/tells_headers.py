"""A well-behaved model that answers with the request's headers and its data."""


def load(model_dir):
    return None


def predict(model, data, context):
    headers = {name: value for name, value in context.headers.items() if name != "Connection"}
    return {"headers": headers, "type": context.content_type, "accept": context.accept, "data": data}
