"""Memory that a body takes decoded, and its estimate, per byte: `python -m bench.bodies.decoders`."""

from __future__ import annotations

import importlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import pages

ROOT = Path(__file__).resolve().parents[2]
SECTION = Path(__file__).with_name("decoders.md")
SIZE = 5 * 2**20

JSON, LINES, CSV = "application/json", "application/jsonlines", "text/csv"
RECORD = b'{"x": 1.5, "y": 1000, "name": "abcdef"}'


def _repeated(part: bytes) -> bytes:
    return part * (SIZE // len(part))


def _list_of(element: bytes) -> bytes:
    return b"[" + _repeated(element + b",") + b"0]"


def _npy(kind: str) -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(SIZE // 8).astype(kind))
    return file.getvalue()


def _arrow(form: str, rows: int = SIZE // 8) -> bytes:
    pa: Any = importlib.import_module("pyarrow")
    table = pa.table({"x": np.random.default_rng(0).random(rows)})
    sink = io.BytesIO()
    if form == "parquet":
        importlib.import_module("pyarrow.parquet").write_table(table, sink)
    else:
        with getattr(pa.ipc, form)(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


# What a body is like, its Content-Type, and how it is made.
USUAL: dict[str, tuple[str, Callable[[], bytes]]] = {
    "JSON, floats of 17 digits": (JSON, lambda: _list_of(b"0.123456789012345")),
    "JSON, integers of 4 digits": (JSON, lambda: _list_of(b"1234")),
    "JSON, records of 3 fields": (JSON, lambda: _list_of(RECORD)),
    "JSON, texts of 9 letters": (JSON, lambda: _list_of(b'"abcdefghi"')),
    "JSON, one text": (JSON, lambda: b'"' + _repeated(b"a") + b'"'),
    "JSON, integers of 20 digits": (JSON, lambda: _list_of(b"18446744073709551617")),
    "JSON Lines, records of 3 fields": (LINES, lambda: _repeated(RECORD + b"\n")),
    "CSV, floats of 17 digits": (CSV, lambda: _repeated(b"0.123456789012345," * 9 + b"1\n")),
    "CSV, integers of 4 digits": (CSV, lambda: _repeated(b"1234,1234\n")),
    "CSV, integers of 19 digits": (CSV, lambda: _repeated(b"1700000000000000001\n")),
    "CSV, texts and numbers": (CSV, lambda: _repeated(b"abcdef,1.5,1000\n")),
    "CSV, all in quotes": (CSV, lambda: _repeated(b'"abcdef","1.5","1000"\n')),
    "NPY": ("application/x-npy", lambda: _npy("<f8")),
    "NPY, big-endian": ("application/x-npy", lambda: _npy(">f8")),
    "Parquet": ("application/x-parquet", lambda: _arrow("parquet")),
    "Arrow stream": ("application/vnd.apache.arrow.stream", lambda: _arrow("new_stream")),
}
HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "JSON, `[],[],`": (JSON, lambda: _list_of(b"[]")),
    "JSON, `[[[[[[]]]]]],`": (JSON, lambda: _list_of(b"[[[[[[]]]]]]")),
    'JSON, `{"a":1},`': (JSON, lambda: _list_of(b'{"a":1}')),
    "JSON, one object of many names": (
        JSON,
        lambda: b"{" + b",".join(b'"%d":0' % number for number in range(SIZE // 11)) + b"}",
    ),
    "JSON, one text with an emoji": (JSON, lambda: b'"' + _repeated(b"a") + "\U0001f600".encode() + b'"'),
    "JSON Lines, `[]`": (LINES, lambda: _repeated(b"[]\n")),
    "JSON Lines, `1`": (LINES, lambda: _repeated(b"1\n")),
    "CSV, `,,,` in one row": (CSV, lambda: _repeated(b",") + b"\n"),
    "CSV, `+1,+1,` in one row": (CSV, lambda: _repeated(b"+1,") + b"1\n"),
    "CSV, `ab,ab,` in one row": (CSV, lambda: _repeated(b"ab,") + b"a\n"),
    "CSV, `ab` in each row": (CSV, lambda: _repeated(b"ab\n")),
    "CSV, one text with an emoji": (CSV, lambda: _repeated(b"a") + "\U0001f600\n".encode()),
}


SMALL: dict[str, Callable[[], bytes]] = {
    JSON: lambda: b"[1]",
    CSV: lambda: b"1,2\n3,x\n",
    "application/x-parquet": lambda: _arrow("parquet", 1),
    "application/vnd.apache.arrow.stream": lambda: _arrow("new_stream", 1),
}


def main() -> int:
    """Measure every case and write the section; with a Content-Type, measure the body on stdin."""
    if len(sys.argv) == 2:
        print(json.dumps(_measure(sys.argv[1], sys.stdin.buffer.read())))
        return 0
    SECTION.write_text(_section())
    print(SECTION.read_text())
    return 0


def _section() -> str:
    head = ["Body", "Peak", "Kept", "Estimate", "Seconds for 100 MB"]
    tables = [pages.table(head, list(map(_row, cases)), right=(1, 2, 3, 4)) for cases in (USUAL, HOSTILE)]
    return (
        "## Reading a body\n\n"
        "*Kept* is what the decoded data still take when the decoder has returned. *Estimate* is what the\n"
        "server charges before it decodes ([docs/bodies.md](../docs/bodies.md)). It makes none for NPY,\n"
        "which takes at most its own size again, and for Parquet and Arrow, which are read until a limit.\n\n"
        "Bodies as clients send them:\n\n"
        f"{tables[0]}\n\nBodies made to take as much memory as possible:\n\n{tables[1]}\n"
    )


def _row(case: str) -> list[str]:
    content_type, made = (USUAL | HOSTILE)[case]
    command = [sys.executable, "-m", "bench.bodies.decoders", content_type]
    # Memory that is let go is given back, so that what is kept can be seen.
    variables = {"MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "65536"}
    variables["PYTHONPATH"] = f"{ROOT / 'container'}{os.pathsep}{ROOT}"
    ran = subprocess.run(
        command, input=made(), capture_output=True, check=True, cwd=ROOT, env=os.environ | variables
    )
    found = json.loads(ran.stdout)
    factors = [f"{found[name] / found['size']:.1f} ×" for name in ("peak", "kept")]
    estimate = f"{found['estimate'] / found['size']:.1f} ×" if found["estimate"] else ""
    return [case, *factors, estimate, f"{found['seconds'] * 100e6 / found['size']:.1f}"]


def _measure(content_type: str, body: bytes) -> dict[str, Any]:
    from longshore_runtime.runners.model.decoding import Decoder

    decode = Decoder()
    if content_type in SMALL:  # what is imported then does not count
        decode(SMALL[content_type](), content_type)
    charged: list[int] = []
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status("VmRSS")
    began = time.perf_counter()
    decoded = decode(body, content_type, charged.append)
    seconds = time.perf_counter() - began
    peak, kept = _status("VmHWM") - before, _status("VmRSS") - before
    del decoded
    return {
        "size": len(body),
        "peak": max(0, peak),
        "kept": max(0, kept),
        "estimate": charged[0] if charged else 0,
        "seconds": seconds,
    }


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    sys.exit(main())
