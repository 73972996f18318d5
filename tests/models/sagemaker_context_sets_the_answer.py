"""Sets the answer's status, type and headers by the context."""


def model_fn(model_dir):
    return None


def predict_fn(data, model, context):
    if data["way"] == "status":
        context.set_response_status(code=202, phrase="Queued", idx=0)
    if data["way"] == "older status":
        context.set_http_response_status(404, "no such thing")
    if data["way"] == "report":
        context.request_processor[0].report_status(503, "later")
        context.request_processor[0].add_response_property("X-Reason", "cold")
    if data["way"] == "type":
        context.set_response_content_type(0, "application/x-mine")
    if data["way"] == "headers":
        context.set_response_header(0, "X-Model-Version", "7")
        context.set_response_header(0, "content-type", "text/x-mine")
    if data["way"] == "no status":
        context.set_response_status(42)
    return {"set": context.get_response_headers(0)}
