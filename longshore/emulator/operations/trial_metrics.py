"""The metrics of trial components: BatchPutMetrics and BatchGetMetrics of the service sagemaker-metrics."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterable
from typing import Any

from longshore.emulator.operations.base import Handler, Request
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record

SERVICE = "sagemaker-metrics"
# Of a trial component: by metric, its points as they came, a JSON list [timestamp, step, value] in each line.
# A record is copied at each change and each look, and a text costs nothing then.
_METRICS = "_Metrics"
_VALUE_MAX = 1e300  # so that no sum of values is too large for a float
_PERIODS = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}
_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Min": min,
    "Max": max,
    "Avg": statistics.fmean,
    "Count": len,
    "StdDev": statistics.pstdev,
    "Last": lambda values: values[-1],
}

Point = list[Any]


def put(platform: Platform, request: Request) -> dict[str, Any]:
    """Append points to the metrics of a trial component, and report those that cannot be appended."""
    points = request["MetricData"]
    wrong = [index for index, point in enumerate(points) if abs(point["Value"]) > _VALUE_MAX]
    if wrong:
        return _errors(wrong)

    def append(record: Record) -> None:
        metrics = record.setdefault(_METRICS, {})
        for point in points:
            line = json.dumps([point["Timestamp"], point.get("Step"), point["Value"]])
            metrics[point["MetricName"]] = f"{metrics.get(point['MetricName'], '')}{line}\n"

    name = request["TrialComponentName"]
    if platform.records.change("experiment-trial-component", name, append) is None:
        return _errors(range(len(points)))
    return {}


def _errors(indexes: Iterable[int]) -> dict[str, Any]:
    return {"Errors": [{"Code": "VALIDATION_ERROR", "MetricIndex": index} for index in indexes]}


def get(platform: Platform, request: Request) -> dict[str, Any]:
    """Return a statistic of each metric that is asked for, by period or by step."""
    return {"MetricQueryResults": [_query(platform, query) for query in request["MetricQueries"]]}


def summaries(record: Record) -> list[dict[str, Any]]:
    """Return the statistics of all metrics of a trial component, as DescribeTrialComponent has them."""
    found = []
    for name in record.get(_METRICS, {}):
        points = _points(record, name)
        values = [value for _, _, value in points]
        found.append(
            {
                "MetricName": name,
                "SourceArn": record["TrialComponentArn"],
                "TimeStamp": max(when for when, _, _ in points),
                **{statistic: of(values) for statistic, of in _STATISTICS.items()},
            }
        )
    return found


def _points(record: Record, name: str) -> list[Point]:
    lines = record.get(_METRICS, {}).get(name, "").splitlines()
    return [json.loads(line) for line in lines]


def _query(platform: Platform, query: dict[str, Any]) -> dict[str, Any]:
    nothing: dict[str, list[float]] = {"XAxisValues": [], "MetricValues": []}
    by_step = query["XAxisType"] == "IterationNumber"
    if by_step != (query["Period"] == "IterationNumber"):
        message = "The Period IterationNumber goes with the XAxisType IterationNumber, and only with it."
        return {"Status": "ValidationError", "Message": message, **nothing}
    found = platform.records.by_arn(query["ResourceArn"])
    if found is None or found[0] != "experiment-trial-component":
        message = f"There is no trial component {query['ResourceArn']}; other resources have no metrics here."
        return {"Status": "ValidationError", "Message": message, **nothing}
    points = _points(platform.records.get(*found), query["MetricName"])
    values = _by_axis(points, query, by_step=by_step)
    of = _STATISTICS[query["MetricStat"]]
    return {
        "Status": "Complete",
        "XAxisValues": list(values),
        "MetricValues": [of(each) for each in values.values()],
    }


def _by_axis(points: list[Point], query: dict[str, Any], *, by_step: bool) -> dict[int, list[float]]:
    """Return the values at each position of the x axis, in its order."""
    found: dict[int, list[float]] = {}
    first, last = query.get("Start", -math.inf), query.get("End", math.inf)
    period = 1 if by_step else _PERIODS[query["Period"]]
    for when, step, value in points:
        position = step if by_step else int(when // period * period)
        if position is not None and first <= position <= last:
            found.setdefault(position, []).append(value)
    return dict(sorted(found.items()))


# By the method and the path of each operation, which is also its name.
HANDLERS: dict[tuple[str, str], Handler] = {
    ("PUT", "/BatchPutMetrics"): put,
    ("POST", "/BatchGetMetrics"): get,
}
