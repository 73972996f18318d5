"""Times in requests: seconds since the epoch, or ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime

# Of the years 1 to 9999, which are those that clients can show.
_FIRST, _LAST = -62135596800.0, 253402300799.0


def seconds_since_epoch(given: str | float) -> float | None:
    """Return a time in seconds since the epoch; None if it is none, or not of the years 1 to 9999."""
    try:
        seconds = float(given)
    except ValueError:
        try:
            when = datetime.fromisoformat(str(given))
            seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    except OverflowError:
        return None
    return seconds if _FIRST <= seconds <= _LAST else None
