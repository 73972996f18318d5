"""Runs scripts at the same time, each in a process of its own, which starts with an SDK already imported.

The SDKs take seconds to import, and sleep for most of their time.

argv: the module to import; a folder, for what the scripts print and for the folders they run in; the scripts.
Prints a line of JSON for each script that ends: its name, and whether it succeeded.
"""

import importlib
import json
import os
import runpy
import sys
import traceback
from pathlib import Path

module, folder, *scripts = sys.argv[1:]
report = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the SDK prints when it is imported
importlib.import_module(module)


def run(script: str) -> int:
    """In a forked process: the script's exit code."""
    name = Path(script).stem
    output = os.open(Path(folder, f"{name}.txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    Path(folder, name).mkdir()
    os.chdir(Path(folder, name))
    try:
        runpy.run_path(script, run_name="__main__")
    except BaseException:  # noqa: BLE001, a forked process must not go on with what follows
        traceback.print_exc()
        return 1
    return 0


running: dict[int, str] = {}
for script in scripts:
    child = os.fork()
    if child == 0:
        code = run(script)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    running[child] = Path(script).stem
while running:
    ended, status = os.wait()
    print(json.dumps([running.pop(ended), os.waitstatus_to_exitcode(status) == 0]), file=report, flush=True)
