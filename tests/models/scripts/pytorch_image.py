"""As PyTorch image classifiers: bytes in, logging to stdout, a tensor as the prediction, no output_fn."""

import io
import json
import logging
import os
import sys

import torch

logger = logging.getLogger(__name__)
logger.setLevel(logging.DEBUG)
logger.addHandler(logging.StreamHandler(sys.stdout))
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def model_fn(model_dir, context):
    with open(os.path.join(model_dir, "model.pth"), "rb") as f:
        weight = torch.load(f.name, map_location=device)
    logger.info("loaded on %s", context.system_properties.get("gpu_id"))
    return weight


def input_fn(request_body, content_type, context):
    if content_type == "image/jpeg":
        return torch.tensor(list(io.BytesIO(request_body).read())).unsqueeze(0)
    if content_type == "application/json":
        return torch.tensor(json.loads(request_body)["pixels"]).unsqueeze(0)
    raise Exception(f"Requested unsupported ContentType in content_type: {content_type}")


def predict_fn(input_object, model, context):
    with torch.no_grad():
        return torch.tensor(input_object.numpy() * model)
