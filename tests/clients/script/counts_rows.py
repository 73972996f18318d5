"""What a task runs: it counts the rows of its input, and keeps that as its model and as its state."""

import sys
from pathlib import Path

rows = sum(len(file.read_text().splitlines()) for file in Path("/opt/ml/input/data/data").rglob("*.csv"))
for folder in ("/opt/ml/model", "/state"):
    Path(folder, "told.txt").write_text(f"{' '.join(sys.argv[1:])}: {rows} rows")
