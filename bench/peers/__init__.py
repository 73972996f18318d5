"""Longshore beside other model servers: `python -m bench.peers`."""
