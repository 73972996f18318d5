"""Code repositories and lifecycle configurations: nothing here reads or runs what they name."""

from __future__ import annotations

from longshore.emulator.kinds import KindName
from longshore.emulator.operations.base import Handler, Request
from longshore.emulator.operations.plain import creating, deleting, describing, listing, updating
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record

_NOTEBOOK: KindName = "notebook-instance-lifecycle-config"
_STUDIO: KindName = "studio-lifecycle-config"


def _select_of_studio(platform: Platform, request: Request) -> list[Record]:
    member = "StudioLifecycleConfigAppType"
    configs = platform.records.all(_STUDIO)
    return [config for config in configs if request.get("AppTypeEquals", config[member]) == config[member]]


HANDLERS: dict[str, Handler] = {
    **creating("code-repository"),
    **describing("code-repository"),
    **updating("code-repository"),
    **deleting("code-repository"),
    **listing("code-repository", "ListCodeRepositories"),
    **creating(_NOTEBOOK),
    **describing(_NOTEBOOK),
    **updating(_NOTEBOOK),
    **deleting(_NOTEBOOK),
    **listing(_NOTEBOOK, "ListNotebookInstanceLifecycleConfigs"),
    **creating(_STUDIO),
    **describing(_STUDIO),
    **deleting(_STUDIO),
    **listing(_STUDIO, "ListStudioLifecycleConfigs", _select_of_studio),
}
