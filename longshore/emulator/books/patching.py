"""How attributes of moto's are replaced, and put back."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

_ABSENT = object()


def put(undo: ExitStack, owner: Any, name: str, new: Any) -> None:
    """Replace an attribute of a module or class until `undo` is closed."""
    old = vars(owner).get(name, _ABSENT)
    setattr(owner, name, new)
    if old is _ABSENT:
        undo.callback(delattr, owner, name)
    else:
        undo.callback(setattr, owner, name, old)
