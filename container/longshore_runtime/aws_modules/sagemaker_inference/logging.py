"""The logger of the toolkit."""

from __future__ import annotations

import logging


def get_logger() -> logging.Logger:
    return logging.getLogger("sagemaker-inference")


def configure_logger() -> None:
    """Nothing: this runtime has configured logging."""
