"""Loads with a torch that has initialised CUDA, or says so; answers with its pid."""

import os
import sys
import types

torch = types.ModuleType("torch")
torch.cuda = types.ModuleType("torch.cuda")
torch.cuda.is_initialized = lambda: True
sys.modules["torch"] = torch


def load(model_dir):
    return None


def predict(model, data):
    return os.getpid()
