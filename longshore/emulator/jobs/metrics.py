"""Metrics that regular expressions find in a job's log (D10)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Metric(NamedTuple):
    """name: the definition's; value: what was found; when: seconds since the epoch."""

    name: str
    value: float
    when: float


class Metrics:
    """Looks at each line as it comes, and keeps each metric's last value, which is what SageMaker reports."""

    def __init__(self, definitions: Iterable[Mapping[str, str]]) -> None:
        """definitions: Name and Regex of each; ValueError, with a sentence, for a Regex that is none."""
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        for definition in definitions:
            try:
                pattern = re.compile(definition["Regex"])
            except re.error as error:
                raise ValueError(
                    f"MetricDefinitions, {definition['Name']}: the Regex {definition['Regex']!r} is"
                    f" malformed: {error}."
                ) from None
            self._patterns.append((definition["Name"], pattern))
        self._last: dict[str, Metric] = {}

    def look_at(self, line: str, when: float) -> list[Metric]:
        """A line's metrics, in the definitions' order: each the first group, or else the whole match.

        NaN and infinities are left out, as CloudWatch refuses them, and JSON has no word for them.
        """
        found = []
        for name, pattern in self._patterns:
            for match in pattern.finditer(line):
                try:
                    value = float(match.group(1) if pattern.groups else match.group())
                except (TypeError, ValueError):
                    continue
                if not math.isfinite(value):
                    continue
                self._last[name] = Metric(name, value, when)
                found.append(self._last[name])
        return found

    def final(self) -> list[dict[str, str | float]]:
        """FinalMetricDataList."""
        return [
            {"MetricName": metric.name, "Value": metric.value, "Timestamp": metric.when}
            for metric in self._last.values()
        ]
