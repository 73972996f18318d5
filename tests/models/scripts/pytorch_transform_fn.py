"""transform_fn with the whole work in it, returning a body and a type."""

import json

import torch


def model_fn(model_dir):
    return torch.load(model_dir + "/model.pth")


def transform_fn(model, request_body, content_type, accept_type):
    rows = torch.tensor(json.loads(request_body))
    prediction = rows.numpy() * model
    return json.dumps({"scores": prediction.tolist(), "accept": accept_type}), "application/json"
