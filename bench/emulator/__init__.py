"""What the emulator costs: its start, an invocation, a transform, memory. `python -m bench.emulator`."""
