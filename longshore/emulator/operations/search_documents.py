"""What Search looks into: the records of each resource, as its results show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from longshore.emulator.kinds import KindName
from longshore.emulator.operations.experiments import COMPONENT, TRIALS, component_document
from longshore.emulator.operations.model_packages import shown_package
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record
from longshore.emulator.validation import only_members, shape_members

# Members whose keys may have dots: all that follows their name is one key.
_MAPS = ("HyperParameters", "Parameters", "CustomerMetadataProperties")


@dataclass(frozen=True)
class Documents:
    """The documents of one resource.

    Attributes:
        kind: The kind of its records.
        member: The member of a search result that holds the document.
        shape: The document's shape in SageMaker's model.
        complete: Adds what the record does not hold itself.
    """

    kind: KindName
    member: str
    shape: str
    complete: Callable[[Platform, Record], Record] = lambda _, record: record

    def all(self, platform: Platform) -> list[dict[str, Any]]:
        """Return all documents, in the order of their creation."""
        return [
            only_members(self.shape, self.complete(platform, record))
            for record in platform.records.all(self.kind)
        ]


def _trial(platform: Platform, record: Record) -> Record:
    members = [*shape_members("TrialComponentSimpleSummary"), TRIALS]
    components = platform.records.columns(COMPONENT, members)
    summaries = [
        only_members("TrialComponentSimpleSummary", one)
        for one in components
        if record["TrialName"] in one[TRIALS]
    ]
    return {**record, "TrialComponentSummaries": summaries}


def _component(platform: Platform, record: Record) -> Record:
    trials = [platform.records.find("experiment-trial", name) for name in record[TRIALS]]
    parents = [only_members("Parent", trial) for trial in trials if trial is not None]
    return {**component_document(platform, record), "Parents": parents}


def _model(_platform: Platform, record: Record) -> Record:
    return {"Model": only_members("Model", record)}


def _package(_platform: Platform, record: Record) -> Record:
    return shown_package(record)


DOCUMENTS: dict[str, Documents] = {
    "TrainingJob": Documents("training-job", "TrainingJob", "TrainingJob"),
    "Experiment": Documents("experiment", "Experiment", "Experiment"),
    "ExperimentTrial": Documents("experiment-trial", "Trial", "Trial", _trial),
    "ExperimentTrialComponent": Documents(COMPONENT, "TrialComponent", "TrialComponent", _component),
    "Endpoint": Documents("endpoint", "Endpoint", "Endpoint"),
    "Model": Documents("model", "Model", "ModelDashboardModel", _model),
    "ModelPackage": Documents("model-package", "ModelPackage", "ModelPackage", _package),
    "ModelPackageGroup": Documents("model-package-group", "ModelPackageGroup", "ModelPackageGroup"),
    "ModelCard": Documents("model-card", "ModelCard", "ModelCard"),
    "Pipeline": Documents("pipeline", "Pipeline", "Pipeline"),
}


def property_values(document: dict[str, Any], name: str) -> list[Any]:
    """Return the values of a property: none, one, or one of each item of a list."""
    first, _, rest = name.partition(".")
    if first == "Tags":
        return [tag["Value"] for tag in document.get("Tags", []) if tag["Key"] == rest]
    if first == "Metrics":
        return _metric(document, rest)
    if first in _MAPS:
        value = document.get(first, {}).get(rest)
        return [] if value is None else [_unwrapped(value)]
    found = [document]
    for part in name.split("."):
        values = [item[part] for item in found if isinstance(item, dict) and part in item]
        found = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return found


def _metric(document: dict[str, Any], name: str) -> list[Any]:
    """Return a training job's final metric 'NAME', or a statistic of a trial component: 'NAME.max'."""
    for metric in document.get("FinalMetricDataList", []):
        if metric["MetricName"] == name:
            return [metric["Value"]]
    metric_name, _, statistic = name.rpartition(".")
    for metric in document.get("Metrics", []):
        if metric["MetricName"] == metric_name:
            return [value for key, value in metric.items() if key.lower() == statistic.lower()]
    return []


def _unwrapped(value: Any) -> Any:
    """Return a trial component's parameter, which is a structure of one member."""
    return next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else value
