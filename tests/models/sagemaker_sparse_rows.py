"""input_fn makes a sparse matrix of texts, as vectorizers do."""

import json

import scipy.sparse


def model_fn(model_dir):
    return None


def input_fn(body, content_type):
    return scipy.sparse.csr_matrix([[len(text), 1] for text in json.loads(body)])


def predict_fn(data, model):
    return data.sum(axis=1).A1 if hasattr(data.sum(axis=1), "A1") else data.sum(axis=1)
