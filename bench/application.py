"""`python -m bench.application`: what three shortcuts inside a worker save, each beside what it passes by.

In one process, without nginx: a request read and answered by gunicorn's parser and by ours, POST /invocations
with and without Flask's dispatch, and CSV read by our decoder and by pandas. Writes bench/application.md.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import statistics
import sys
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from bench.load import CSV
from bench.servers import CONTAINER, HERE

ROUNDS, CALLS = 15, 300


def main() -> int:
    """Measure, print and write the page."""
    sys.path.insert(0, str(CONTAINER))
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "ml" / "model" / "code"
        code.mkdir(parents=True)
        shutil.copy(HERE / "models" / "rowsum.py", code / "inference.py")
        os.environ |= {"ML_ROOT": f"{folder}/ml", "PROMETHEUS_MULTIPROC_DIR": folder}
        page = _page(_exchange(), _dispatch(), _decoding())
    (HERE / "application.md").write_text(page)
    print(page, end="")
    return 0


def _exchange() -> tuple[float, float]:
    """Microseconds of a request read from a socket and an answer written, by gunicorn and by exchange.py."""
    from gunicorn.config import Config
    from gunicorn.http import wsgi
    from gunicorn.workers.gthread import TConn

    from longshore_runtime.serving import exchange

    config = Config()
    config.set("http_parser", "python")  # as gunicorn_conf.py has it
    ours, theirs = socket.socketpair()
    connection = TConn(config, ours, "", "")
    request = (
        b"POST /invocations HTTP/1.1\r\nHost: bench\r\nX-Longshore-Received: 1.0\r\n"
        b"Content-Type: text/csv\r\nX-Amzn-SageMaker-Inference-Id: bench\r\nContent-Length: %d\r\n\r\n"
        % len(CSV.content)
    ) + CSV.content
    headers = [("Content-Type", "text/csv"), ("Content-Length", "4"), ("X-Longshore-Records", "10")]

    def gunicorns() -> None:
        theirs.sendall(request)
        parsed = next(connection.parser)
        response, environ = wsgi.create(parsed, ours, "", "", config)
        assert environ["wsgi.input"].read() == CSV.content
        response.start_response("200 OK", headers)
        response.write(b"1.0\n")
        response.close()
        theirs.recv(65536)

    def shorter() -> None:
        theirs.sendall(request)
        assert exchange.Arrived(connection).body == CSV.content
        exchange.send(ours, 200, headers, b"1.0\n", last=False)
        theirs.recv(65536)

    with ours, theirs:
        connection.init()
        return _in_turns(gunicorns, shorter)


def _dispatch() -> tuple[float, float]:
    """Microseconds of one POST through Flask's dispatch, which a hook asks for, and past it."""
    from longshore_runtime import contract, settings
    from longshore_runtime.runners import base
    from longshore_runtime.serving.flask_app import create_app

    current = settings.load(os.environ)
    runner = base.choose(current, contract.PROGRAM_DIR, lambda _: None)
    runner.load()
    past, through = create_app(runner, current), create_app(runner, current)
    through.before_request(lambda: None)
    return _in_turns(lambda: _post(through), lambda: _post(past))


def _post(app: Any) -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/invocations",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "bench",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": CSV.media_type,
        "CONTENT_LENGTH": str(len(CSV.content)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(CSV.content),
        "wsgi.input_terminated": True,
    }
    seen: list[str] = []
    b"".join(app(environ, lambda status, headers: seen.append(status)))
    assert seen == ["200 OK"], seen


def _decoding() -> tuple[float, float]:
    """Microseconds of reading the CSV body by pandas, and by our decoder."""
    from longshore_runtime.runners.model.decoding import decode

    text = CSV.content.decode()
    return _in_turns(
        lambda: pd.read_csv(io.StringIO(text), header=None).to_numpy(),
        lambda: decode(CSV.content, CSV.media_type),
    )


def _in_turns(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """The median of the rounds of each, in turns, in microseconds a call."""
    rounds = [[timeit.timeit(call, number=CALLS) / CALLS for call in (one, other)] for _ in range(ROUNDS)]
    first, second = (statistics.median(times) * 1e6 for times in zip(*rounds, strict=True))
    return first, second


def _page(exchange: tuple[float, float], dispatch: tuple[float, float], decoding: tuple[float, float]) -> str:
    rows = (
        ("reading a request and writing the answer: gunicorn, httptools", *exchange),
        ("POST /invocations: through Flask's dispatch, past it", *dispatch),
        ("reading the body: pandas, Longshore", *decoding),
    )
    lines = [f"| {what} | {slow:.0f} | {fast:.0f} | {slow / fast:.1f} × |" for what, slow, fast in rows]
    table = "\n".join(["| What | passed by, µs | used, µs | Ratio |", "| --- | ---: | ---: | ---: |", *lines])
    return f"""# What three shortcuts inside a worker save

Measured by `make bench` in one process, without nginx: 10×20 floats as CSV, a model that sums
rows, the median of {ROUNDS} rounds of {CALLS} calls, in turns.

{table}
"""


if __name__ == "__main__":
    sys.exit(main())
