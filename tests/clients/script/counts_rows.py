"""What a task runs: it counts the rows of its input, and keeps that as its model, output and state."""

import sys
from pathlib import Path

rows = sum(len(file.read_text().splitlines()) for file in Path("/opt/ml/input/data/data").rglob("*.csv"))
told = f"{' '.join(sys.argv[1:])}: {rows} rows"
print(told)
for folder in ("/opt/ml/model", "/opt/ml/output/data", "/state"):
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, "told.txt").write_text(f"{told}\n")
