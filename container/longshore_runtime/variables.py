"""How one environment variable is described, and read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from longshore_runtime.errors import StartError


@dataclass(frozen=True)
class Variable:
    """One setting: field is its name in Settings, read turns its text into the value or raises ValueError."""

    field: str
    names: tuple[str, ...]
    default: str | None
    allowed: str
    read: Callable[[str], Any]
    secret: bool = False  # then no message shows the text

    def value(self, environ: Mapping[str, str]) -> Any:
        """The value, from the first of the names that is set; None without a default where none is.

        Raises StartError naming the variable, its value and what is allowed.
        """
        for name in self.names:
            text = environ.get(name)
            if text is not None:
                try:
                    return self.read(text)
                except ValueError:
                    shown = "its value" if self.secret else repr(text)
                    raise StartError(name, f"{shown} is not allowed.", f"Give {self.allowed}.") from None
        return None if self.default is None else self.read(self.default)

    def set_in(self, environ: Mapping[str, str]) -> str | None:
        """The first of the names that is set, None where none is."""
        return next((name for name in self.names if name in environ), None)
