"""Looks for texts in the environment of every other process, and opens the memory of servers.

Prints the processes that it could read: pid, name, texts found, memory opened.

Arguments: the texts.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

found = []
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    if folder.name == str(os.getpid()):
        continue
    try:
        environ = (folder / "environ").read_bytes()
    except OSError:
        environ = b""
    secrets = [text for text in sys.argv[1:] if text.encode() in environ]
    opened = False
    if (folder / "cmdline").exists() and b"longshore_runtime" in (folder / "cmdline").read_bytes():
        try:
            (folder / "mem").open("rb").close()
            opened = True
        except OSError:
            pass
    if secrets or opened:
        found.append([int(folder.name), (folder / "comm").read_text().strip(), secrets, opened])
print(json.dumps(found))
