"""Reads address 0, as a fault in native code would."""

from __future__ import annotations

import ctypes


def train(channels: object, hyperparameters: object, model_dir: object) -> None:
    ctypes.string_at(0)
