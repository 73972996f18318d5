"""Uses what the contexts of multi-model-server and TorchServe have."""

from pathlib import Path


def model_fn(model_dir, context):
    properties = context.system_properties
    assert properties["model_dir"] == model_dir
    assert context.request_processor[0].get_request_property("Accept") is None
    return {
        "gpu_id": properties.get("gpu_id"),
        "batch_size": properties["batch_size"],
        "server_name": properties["server_name"],
        "manifest": context.manifest,
        "model_name": context.model_name,
        "exists": Path(properties.get("model_dir")).is_dir(),
    }


def input_fn(body, content_type, context):
    context.metrics.add_time("Decode", 3, None, "ms")
    return context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")


def predict_fn(data, model, ctx):
    headers = ctx.get_all_request_header(0)
    properties = ctx.request_processor[0].get_request_properties()
    return {
        "model": model,
        "attributes": [
            data,
            headers["X-Amzn-SageMaker-Custom-Attributes"],
            properties.get("x-amzn-sagemaker-custom-attributes"),
        ],
        "accept": properties.get("Accept") or properties.get("accept"),
        "missing": [ctx.get_request_header(0, "X-Missing"), "X-Missing" in headers, headers.get("X-Missing")],
        "request_id": [ctx.get_request_id(0), ctx.get_request_id(), ctx.request_ids[0]],
        "status": ctx.get_response_status(0),
    }
