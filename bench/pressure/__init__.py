"""How the server behaves under pressure: `python -m bench.pressure`."""
