"""Helpers of the tests: they start real programs, and end what they start."""
