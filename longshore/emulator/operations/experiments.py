"""Experiments, trials and trial components: records that clients write about their own work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.kinds import KindName
from longshore.emulator.operations.base import Handler, Request, described
from longshore.emulator.operations.job_components import job_members
from longshore.emulator.operations.plain import creating, deleting, describing, listing, updating
from longshore.emulator.operations.trial_metrics import summaries
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record

COMPONENT: KindName = "experiment-trial-component"
TRIALS = "_Trials"  # of a trial component: the names of the trials that it is associated with
_NO_USER: Record = {"CreatedBy": {}, "LastModifiedBy": {}}  # the user of Studio


def _new_experiment(_platform: Platform, request: Request) -> Record:
    return {"DisplayName": request["ExperimentName"], **_NO_USER, **request}


def _new_trial(platform: Platform, request: Request) -> Record:
    platform.records.get("experiment", request["ExperimentName"])
    return {"DisplayName": request["TrialName"], **_NO_USER, **request}


def _new_component(_platform: Platform, request: Request) -> Record:
    return {"DisplayName": request["TrialComponentName"], **_NO_USER, TRIALS: [], **request}


def component_document(platform: Platform, record: Record) -> Record:
    """Return a trial component with its metrics, and with what is known of the job that it is of."""
    job = job_members(platform, record)
    return {**record, **job, "Metrics": [*job.get("Metrics", []), *summaries(record)]}


def _describe_component(platform: Platform, request: Request) -> dict[str, Any]:
    record = platform.records.get(COMPONENT, request["TrialComponentName"])
    return described("DescribeTrialComponent", component_document(platform, record))


def _associate(platform: Platform, request: Request) -> dict[str, Any]:
    return _change_association(platform, request, associated=True)


def _disassociate(platform: Platform, request: Request) -> dict[str, Any]:
    return _change_association(platform, request, associated=False)


def _change_association(platform: Platform, request: Request, *, associated: bool) -> dict[str, Any]:
    component = platform.records.get(COMPONENT, request["TrialComponentName"])
    trial = platform.records.get("experiment-trial", request["TrialName"])
    name = trial["TrialName"]

    def change(record: Record) -> None:
        others = [other for other in record[TRIALS] if other != name]
        record[TRIALS] = [*others, name] if associated else others

    platform.records.change(COMPONENT, component["TrialComponentName"], change)
    return {"TrialComponentArn": component["TrialComponentArn"], "TrialArn": trial["TrialArn"]}


def _trials(platform: Platform, request: Request) -> Iterable[Record]:
    trials = platform.records.all("experiment-trial")
    if "ExperimentName" in request:
        experiment = platform.records.get("experiment", request["ExperimentName"])["ExperimentName"]
        trials = [trial for trial in trials if trial["ExperimentName"] == experiment]
    if "TrialComponentName" in request:
        names = platform.records.get(COMPONENT, request["TrialComponentName"])[TRIALS]
        trials = [trial for trial in trials if trial["TrialName"] in names]
    return trials


def _listed_components(platform: Platform, request: Request) -> Iterable[Record]:
    return [
        {
            **record,
            **job_members(platform, record),
            **({"TrialComponentSource": record["Source"]} if "Source" in record else {}),
        }
        for record in _components(platform, request)
    ]


def _components(platform: Platform, request: Request) -> Iterable[Record]:
    given = [name for name in ("ExperimentName", "TrialName", "SourceArn") if name in request]
    if len(given) > 1:
        raise AwsError("ValidationException", f"Specify only one of {', '.join(given)}.")
    components = platform.records.all(COMPONENT)
    if "SourceArn" in request:
        arn = request["SourceArn"]
        return [one for one in components if one.get("Source", {}).get("SourceArn") == arn]
    if "TrialName" in request:
        trials = {platform.records.get("experiment-trial", request["TrialName"])["TrialName"]}
    elif "ExperimentName" in request:
        trials = {trial["TrialName"] for trial in _trials(platform, request)}
    else:
        return components
    return [component for component in components if trials.intersection(component[TRIALS])]


def _check_experiment_is_empty(platform: Platform, name: str) -> None:
    _check_empty(f"experiment {name}", "TrialName", _trials(platform, {"ExperimentName": name}))


def _check_trial_is_empty(platform: Platform, name: str) -> None:
    _check_empty(f"trial {name}", "TrialComponentName", _components(platform, {"TrialName": name}))


def _check_component_is_free(platform: Platform, name: str) -> None:
    trials = platform.records.get(COMPONENT, name)[TRIALS]
    _check_empty(f"trial component {name}", "TrialName", [{"TrialName": trial} for trial in trials])


def _check_empty(about: str, member: str, found: Iterable[Record]) -> None:
    names = [record[member] for record in found]
    if names:
        raise AwsError(
            "ValidationException",
            f"The {about} cannot be deleted while it is associated with {', '.join(names[:5])}: "
            "delete or disassociate those first.",
        )


HANDLERS: dict[str, Handler] = {
    **creating("experiment", _new_experiment),
    **describing("experiment"),
    **updating("experiment"),
    **deleting("experiment", _check_experiment_is_empty),
    **listing("experiment", "ListExperiments"),
    **creating("experiment-trial", _new_trial),
    **describing("experiment-trial"),
    **updating("experiment-trial"),
    **deleting("experiment-trial", _check_trial_is_empty),
    **listing("experiment-trial", "ListTrials", _trials),
    **creating(COMPONENT, _new_component),
    "DescribeTrialComponent": _describe_component,
    **updating(COMPONENT),
    **deleting(COMPONENT, _check_component_is_free),
    **listing(COMPONENT, "ListTrialComponents", _listed_components),
    "AssociateTrialComponent": _associate,
    "DisassociateTrialComponent": _disassociate,
}
