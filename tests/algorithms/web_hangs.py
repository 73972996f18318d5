#!/usr/bin/env python3
"""Works on its first task for 300 s, once; a file that it makes tells it later that this has been.

Arguments: the port, the file. It writes its pid into the file.
"""

from __future__ import annotations

import os
import pathlib
import sys
import time

from web_server import serve

_been = pathlib.Path(sys.argv[2])


def invoke() -> int:
    if not _been.exists():
        _been.write_text(str(os.getpid()))
        print("hanging", file=sys.stderr, flush=True)
        time.sleep(300)
    return 201


serve(lambda: 200, invoke)
