#!/usr/bin/env python3
"""Works, but every second start of it ends with 5. Arguments: the port, a file to count its starts in."""

from __future__ import annotations

import os
import pathlib
import sys

from web_server import serve

with pathlib.Path(sys.argv[2]).open("a+") as _file:
    print(os.getpid(), file=_file, flush=True)
    _file.seek(0)
    if len(_file.readlines()) % 2 == 0:
        sys.exit(5)
serve(lambda: 200, lambda: 201)
