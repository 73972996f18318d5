"""The algorithm runner beside what else moves objects and runs tasks: `python -m bench.algorithm`."""
