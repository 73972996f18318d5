"""Has something said once for a run, of whichever process comes first."""

from __future__ import annotations

from pathlib import Path


def first(run_dir: Path | None, name: str) -> bool:
    """Return whether this is the first process of the run to ask for `name`; True without a run_dir."""
    if run_dir is None:
        return True
    try:
        (run_dir / f"told_of_{name}").touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        pass  # the disk is full: better said by each than not at all
    return True
