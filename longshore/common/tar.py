"""`tarfile` with extraction filters (PEP 706) on every supported Python.

Python 3.11.0 to 3.11.3 lack the filters; Debian 12 ships 3.11.2. There a backport stands in.
"""

from __future__ import annotations

import tarfile

if not hasattr(tarfile, "data_filter"):
    from backports import tarfile  # type: ignore[attr-defined, import-not-found, no-redef, unused-ignore]

__all__ = ["tarfile"]
