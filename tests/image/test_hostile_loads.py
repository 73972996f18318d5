"""What a model's code may do to its process while it is loaded: it serves, or one message says why not."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.server import Server, alive, wait_until


def serve(folder: Path, load: str, workers: int = 2, **variables: Any) -> Server:
    """A server, not waited for, whose load() has these lines."""
    server = Server(folder, None, wait=False, MODEL_SERVER_WORKERS=workers, **variables)
    lines = "".join(f"    {line}\n" for line in load.splitlines())
    code = f"def load(model_dir):\n{lines}    return None\ndef predict(model, data): return data\n"
    (server.ml_root / "model" / "code" / "inference.py").write_text(code)
    return server


# What load() raises or does, the exit code, and what one line of stderr says.
ENDS = {
    "SystemExit": ("raise SystemExit(0)", 3, "SystemExit: 0"),
    "sys.exit": ("import sys; sys.exit('no weights')", 3, "SystemExit: no weights"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", 3, "KeyboardInterrupt"),
    "GeneratorExit": ("raise GeneratorExit", 3, "GeneratorExit"),
    "CancelledError": ("import asyncio; raise asyncio.CancelledError", 3, "CancelledError"),
    "BaseException": ("raise BaseException('boom')", 3, "BaseException: boom"),
    "a panic of a Rust library": (
        "class PanicException(BaseException): pass\nraise PanicException('at src/lib.rs')",
        3,
        "PanicException: at src/lib.rs",
    ),
    "StopIteration": ("raise StopIteration", 3, "StopIteration"),
    "MemoryError": ("raise MemoryError", 3, "MemoryError"),
    "an exception whose text fails": (
        "class Bad(BaseException):\n    def __str__(self): raise KeyError\nraise Bad",
        3,
        "Bad: <exception str() failed>",
    ),
    "a text that is none": ("raise Exception(chr(0xd800) + ' lost \\x1b[2J')", 3, "lost"),
    "a group": ("raise BaseExceptionGroup('several', [KeyboardInterrupt()])", 3, "several (1 sub-exception)"),
    "os._exit(0)": ("import os; os._exit(0)", 1, "exit code 0"),
    "os._exit(7)": ("import os; os._exit(7)", 7, "exit code 7"),
    "os.abort": ("import os; os.abort()", 134, "SIGABRT"),
    "every descriptor closed": (
        "import os; os.closerange(3, 4096)",
        3,
        "was loaded, but its code closed descriptors of the server: ",
    ),
    "no file may be opened": (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))",
        3,
        "was loaded, but its code set the limit on open files to 5",
    ),
}


def _with_workers(cases: Iterable[str], both: set[str]) -> list[Any]:
    """Give each case one worker or two, in turn; both numbers if the outcome depends on it."""
    numbers = itertools.cycle((1, 2))
    given = [(case, (1, 2) if case in both else (next(numbers),)) for case in cases]
    return [pytest.param(case, number, id=f"{case}-{number}") for case, counts in given for number in counts]


# One worker loads the model itself; two are forked from a process that has loaded it.
@pytest.mark.parametrize(("what", "workers"), _with_workers(ENDS, {"SystemExit", "os._exit(7)", "os.abort"}))
def test_a_load_that_cannot_go_on_ends_the_server_with_the_documented_code(
    tmp_path: Path, what: str, workers: int
) -> None:
    load, code, message = ENDS[what]
    with serve(tmp_path, load, workers) as server:
        assert server.wait_exit() == code, server.stderr
        lines = [
            line for line in server.stderr.splitlines() if message in line and not line.startswith("    ")
        ]
        if what.startswith("os."):  # with one worker each death is a line
            assert lines
        else:
            assert len(lines) == 1, server.stderr
        assert "Logging error" not in server.stderr


SERVED = {
    "it forks and returns in both": "import os; os.fork()",
    "it forks a child that stays": (
        "import os, time\nif os.fork() == 0:\n    time.sleep(1000)\n    os._exit(0)\n"
    ),
    "all signals blocked": "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
    "its own signal handlers": (
        "import signal\nfor n in (15, 2, 17, 1, 10, 12, 28): signal.signal(n, lambda *_: None)"
    ),
    "descriptors 0 to 2 closed": "import os; os.closerange(0, 3)",
    "another folder": "import os; os.chdir('/proc')",
    "no environment": "import os; os.environ.clear()",
    "no path to modules": "import sys; sys.path.clear()",
    "warnings are errors": "import warnings; warnings.simplefilter('error')",
    "a low recursion limit": "import sys; sys.setrecursionlimit(120)",
    "a soft limit on files": (
        "import resource\nhard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (10, hard))"
    ),
    "no streams": "import sys; sys.stdin = sys.stdout = sys.stderr = None",
    "streams without anything": "import sys; sys.stdout = sys.stderr = type('T', (), {'write': len})()",
    "another umask": "import os; os.umask(0o777)",
    "another switch interval": "import sys; sys.setswitchinterval(10)",
    "no garbage collection": "import gc; gc.disable()",
    "a start method": "import multiprocessing; multiprocessing.set_start_method('spawn')",
    "a default timeout of sockets": "import socket; socket.setdefaulttimeout(0.001)",
    "another locale": "import locale; locale.setlocale(locale.LC_ALL, 'C')",
    "an excepthook": "import sys; sys.excepthook = sys.unraisablehook = lambda *_: None",
}


_FORK_MATTERS = {"it forks and returns in both", "its own signal handlers", "descriptors 0 to 2 closed"}


@pytest.mark.parametrize(("what", "workers"), _with_workers(SERVED, _FORK_MATTERS))
def test_a_load_that_changes_its_process_is_served(tmp_path: Path, what: str, workers: int) -> None:
    with serve(tmp_path, SERVED[what], workers) as server:
        server.wait_ready()
        bodies = [(b"[1,2]", "application/json"), (b"1,2\n", "text/csv"), (b"a,b\n1,x\n", "text/csv")]
        for body, content_type in bodies * 2:
            assert server.post(body, content_type).status_code == 200, server.stderr
        assert server.post(b"[", "application/json").status_code == 400
        assert server.get("/nothing").status_code == 404
        assert server.get("/execution-parameters").status_code == 200
        pids = server.pids("")
    assert server.process.returncode == 0, server.stderr
    assert "Logging error" not in server.stderr
    assert "died" not in server.stderr
    wait_until(lambda: not any(map(alive, pids)), "the end of all its processes")


CLOSES = """
import os
def load(model_dir): return None
def predict(model, data):
    if data == "close":
        for number in (0, 1, 2):
            try: os.close(number)
            except OSError: pass
    if data == "refuse":
        raise ValueError("no")
    return data
"""


def open_in(pid: int) -> list[str] | None:
    """What this process's descriptors 0 to 2 are open to; None while one of them is closed."""
    try:
        return [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (0, 1, 2)]
    except FileNotFoundError:
        return None


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_log_lines_never_go_to_a_connection_that_got_the_number_of_stderr(
    tmp_path: Path, worker_class: str
) -> None:
    server = Server(tmp_path, None, MODEL_SERVER_WORKERS=1, MODEL_SERVER_WORKER_CLASS=worker_class)
    (server.ml_root / "model" / "code" / "inference.py").write_text(CLOSES)
    with server:
        for _ in range(3):
            assert server.post('"close"').json() == "close"
            # A kept connection each: nginx opens as many to the worker as are busy at a time.
            with requests.Session() as one, requests.Session() as other:
                for session in (one, other) * 5:
                    for body, status in ((b'"refuse"', 422), (b'"good"', 200)):
                        answer = session.post(
                            f"{server.url}/invocations", body, headers={"Content-Type": "application/json"}
                        )
                        assert answer.status_code == status, answer.text
                        assert "model refused" not in answer.text
        assert sum("the model refused the data" in line["message"] for line in server.log()) == 30
        (worker,) = server.workers()
        targets = wait_until(lambda: open_in(worker), "descriptors 0 to 2 open again")
        assert not any(target.startswith("socket:") for target in targets), targets
