"""Memory that writing an answer takes, per byte of its body: `python -m bench.bodies.encoders`.

Each case runs in a process of its own. The prediction is there before; what is counted is the peak above it.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SECTION = Path(__file__).with_name("encoders.md")


def _record(number: int) -> dict[str, Any]:
    return {"label": f"species {number}", "score": number / 7, "rank": number}


def _frame(rows: int) -> Any:
    import pandas as pd

    return pd.DataFrame(list(map(_record, range(rows))))


def _table(rows: int) -> Any:
    return importlib.import_module("pyarrow").Table.from_pandas(_frame(rows), preserve_index=False)


PREDICTIONS: dict[str, Callable[[], Any]] = {
    "array of 1 column": lambda: np.random.default_rng(0).random(1_000_000),
    "array of 10 columns": lambda: np.random.default_rng(0).random((100_000, 10)),
    "list of numbers": lambda: np.random.default_rng(0).random(1_000_000).tolist(),
    "list of texts": lambda: [f"species {number}" for number in range(500_000)],
    "list of objects": lambda: [_record(number) for number in range(200_000)],
    "list of rows": lambda: [list(_record(number).values()) for number in range(200_000)],
    "pandas DataFrame": lambda: _frame(200_000),
    "pyarrow Table": lambda: _table(200_000),
}
FORMATS = ("JSON", "JSON_LINES", "CSV", "NPY", "PARQUET", "ARROW_STREAM")


def main() -> int:
    """Measure every case and write the section of the page; with arguments, one case to stdout."""
    if len(sys.argv) == 3:
        print(json.dumps(_measure(sys.argv[1], sys.argv[2])))
        return 0
    SECTION.write_text(_section())
    print(SECTION.read_text())
    return 0


def _section() -> str:
    lines = ["| Prediction | " + " | ".join(FORMATS) + " |", "|---|" + "---|" * len(FORMATS)]
    for prediction in PREDICTIONS:
        cells = [_cell(prediction, kind) for kind in FORMATS]
        lines.append(f"| {prediction} | " + " | ".join(cells) + " |")
    return (
        "## Memory to write an answer\n\n"
        "Peak memory above the prediction itself, per byte of the body (and the body's size).\n"
        "1 is the body alone.\n\n" + "\n".join(lines) + "\n"
    )


def _cell(prediction: str, kind: str) -> str:
    command = [sys.executable, "-m", "bench.bodies.encoders", prediction, kind]
    path = f"{ROOT / 'container'}{os.pathsep}{ROOT}"
    ran = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}
    )
    if ran.returncode:
        raise RuntimeError(f"{prediction} as {kind}: {ran.stderr}")
    found = json.loads(ran.stdout)
    return f"{found['peak'] / found['body']:.1f} ({found['body'] / 1e6:.0f} MB)" if found else "–"


def _measure(prediction: str, kind: str) -> dict[str, int]:
    """The sizes of the body and of the peak in bytes; none where the format refuses the prediction."""
    from longshore_runtime.errors import RequestError
    from longshore_runtime.runners.model import encoding, media

    returned, accept = PREDICTIONS[prediction](), getattr(media, kind)
    try:
        encoding.encode([{"warm": 1}] if "ARROW" in kind or kind == "PARQUET" else [1.5], accept, "", None)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _status("VmRSS")
        body, _ = encoding.encode(returned, accept, "", None)
    except RequestError:
        return {}
    return {"body": len(body), "peak": _status("VmHWM") - before}


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    sys.exit(main())
