"""Leaves files where every user may write, and System V shared memory; prints the names.

Arguments: a name for the files.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import sys

places = ["/tmp", "/var/tmp", "/dev/shm"]
for place in places:
    folder = pathlib.Path(place) / sys.argv[1] / "inside"
    folder.mkdir(parents=True)
    (folder / "file").write_text("left")
    (folder / "link").symlink_to("/")
    folder.parent.chmod(0o000)
shared = ctypes.CDLL(None).shmget(0, 4096, 0o1600)
assert shared >= 0
print(os.getuid())
