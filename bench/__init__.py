"""Measurements of the image's server beside the stack it replaces, in one run: `python -m bench`."""

from __future__ import annotations


class BenchError(Exception):
    """A measurement that cannot be trusted or made: the run stops with its text."""
