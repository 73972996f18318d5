"""Longshore on the laptop: emulate SageMaker, check images against its contract. Never enters the image."""

from __future__ import annotations

__version__ = "0.1.0"
