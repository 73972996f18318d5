"""How one environment variable is described, and read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from longshore_runtime.errors import StartError

# SageMaker's SDK sets some of these to an empty text where it has no value (SAGEMAKER_PROGRAM= without an
# entry point). Our own names are set by people, whose empty value is more likely a mistake.
_EMPTY_IS_UNSET = ("SAGEMAKER_", "SM_")


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
        """Return the value of the first name that is set, or else the default's; None without both.

        Raises StartError naming the variable, its value and what is allowed.
        """
        name = self.set_in(environ)
        if name is None:
            return None if self.default is None else self.read(self.default)
        text = environ[name]
        try:
            return self.read(text)
        except ValueError:
            shown = "its value" if self.secret else repr(text)
            raise StartError(name, f"{shown} is not allowed.", f"Give {self.allowed}.") from None

    def set_in(self, environ: Mapping[str, str]) -> str | None:
        """Return the first of the names that is set; None without one. See _EMPTY_IS_UNSET."""
        return next((name for name in self.names if _is_set(name, environ)), None)


def _is_set(name: str, environ: Mapping[str, str]) -> bool:
    return bool(environ.get(name)) or (name in environ and not name.startswith(_EMPTY_IS_UNSET))
