"""Run a module of ours as a program, with the folder of the user's files last on sys.path.

`python -m` would put that folder first: a user's random.py beside model.py would take the place of Python's
own in all that the server imports. usercode.py puts it first when it imports the user's code.
"""

import runpy
import sys


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs this module of ours with these arguments."""
    return [sys.executable, "-P", __file__, module, *arguments]


if __name__ == "__main__":
    sys.path.append(__file__.rpartition("/")[0].rpartition("/")[0])
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
