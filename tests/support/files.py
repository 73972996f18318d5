"""What is in a folder."""

from __future__ import annotations

import os
from pathlib import Path


def everything(folder: Path) -> list[Path]:
    """All that is in a folder, links not followed: Path.rglob fails at a link to too long a name, and
    at a folder that goes while it looks.
    """
    return [Path(where, name) for where, folders, files in os.walk(folder) for name in (*folders, *files)]
