"""Answers with its pid and random numbers of the generators that are there for all."""

import os
import random
import sys
import types

import numpy as np

torch = types.ModuleType("torch")
torch.seed = lambda: setattr(torch, "seeded", os.getpid())
sys.modules["torch"] = torch


def load(model_dir):
    random.seed(1)
    np.random.seed(1)


def predict(model, data):
    return [os.getpid(), random.random(), float(np.random.random()), torch.seeded]
