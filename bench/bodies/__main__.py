"""`python -m bench.bodies`: measure every section of bench/bodies.md, and write the page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
HEAD = """# Memory that bodies take

Written by `python -m bench.bodies`. Each figure is the growth of a process's peak resident memory while it
handles one body of some MB, divided by the body's size. A request's body is there before, and not included.
"""


def main() -> None:
    """Measure, section by section, and put the page together."""
    page = [HEAD]
    for section in ("decoders", "encoders"):
        subprocess.run([sys.executable, "-m", f"bench.bodies.{section}"], check=True)
        page.append((HERE / f"{section}.md").read_text())
    (HERE.parent / "bodies.md").write_text("\n".join(page))


if __name__ == "__main__":
    main()
