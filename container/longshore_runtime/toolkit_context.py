"""The context of the model servers behind AWS's toolkits (multi-model-server, TorchServe), as scripts use it.

A handler there gets a batch, and names a request in it by its index; here a batch is one request, index 0,
and every index means it. docs/sagemaker-scripts.md lists what works.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from longshore_runtime import contract, logs, machine

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

log = logs.get("model")

_STATUSES = frozenset(status.value for status in HTTPStatus if status >= HTTPStatus.OK)
_MANIFEST = Path("MAR-INF", "MANIFEST.json")  # what their archivers leave in the model's folder


class ToolkitContext:
    """The methods of those contexts, for base.Context, whose fields they read and write.

    Attributes:
        system_properties: model_dir, gpu_id (None without a GPU), batch_size, server_name, server_version,
            limit_max_image_pixels. The same for all requests.
        model_name: "model".
        manifest: what MAR-INF/MANIFEST.json in the model's folder says; None without that file.
    """

    system_properties: ClassVar[dict[str, Any]] = {"model_dir": None, "gpu_id": None, "batch_size": 1}
    model_name: ClassVar[str] = "model"
    manifest: ClassVar[Any] = None

    request_id: str
    headers: Headers
    answer_headers: dict[str, str]
    # Not fields of the dataclass: most requests never set them, and each field takes time with every request.
    answer_type: str | None = None
    answer_status: int | None = None
    answer_phrase: str = ""

    @property
    def request_ids(self) -> dict[int, str]:
        return {0: self.request_id}

    @property
    def request_processor(self) -> list[RequestProcessor]:
        return [RequestProcessor(self)]

    @property
    def metrics(self) -> ToolkitMetrics:
        return ToolkitMetrics(self.request_id)

    def get_request_id(self, idx: int = 0) -> str:
        return self.request_id

    def get_request_header(self, idx: int, key: str) -> str | None:
        """Return a header of the request, None without it. Case is ignored."""
        return self.headers.get(key)

    def get_all_request_header(self, idx: int = 0) -> dict[str, str]:
        """Return the request's headers. Case is ignored where one is looked up."""
        return RequestHeaders(self.headers)

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Set the answer's media type, whatever type its body was written in."""
        self.answer_type = str(value)

    def get_response_content_type(self, idx: int = 0) -> str | None:
        return self.answer_type

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Set a header of the answer: see answer_headers for those that are not allowed."""
        if key.lower() == "content-type":
            self.answer_type = str(value)
        else:
            self.answer_headers[key] = str(value)

    def get_response_headers(self, idx: int = 0) -> dict[str, str]:
        """Return the headers set so far."""
        return self.answer_headers | ({"content-type": self.answer_type} if self.answer_type else {})

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the answer's status. HTTP's own phrase is sent, whatever phrase says."""
        if code not in _STATUSES:
            raise TypeError(f"{code!r} is not the status of an answer: set one of HTTP's, from 200 on.")
        self.answer_status, self.answer_phrase = int(code), phrase

    def set_all_response_status(self, code: int = 200, phrase: str = "") -> None:
        self.set_response_status(code, phrase)

    def get_response_status(self, idx: int = 0) -> tuple[int, str]:
        return self.answer_status or HTTPStatus.OK.value, self.answer_phrase

    # Their older names.
    set_http_response_status = set_response_status
    get_http_response_status = get_response_status


def describe(model_dir: Path) -> None:
    """Set what is the same for all contexts of this process. Called before the model is loaded."""
    ToolkitContext.system_properties = {
        "model_dir": str(model_dir),
        "gpu_id": 0 if machine.gpus() else None,
        "batch_size": 1,
        "server_name": "Longshore",
        "server_version": contract.VERSION,
        "limit_max_image_pixels": True,
    }
    try:
        ToolkitContext.manifest = json.loads((model_dir / _MANIFEST).read_bytes())
    except (OSError, ValueError):
        ToolkitContext.manifest = None


class RequestHeaders(dict[str, str]):
    """A request's headers, which is looked up whatever the case."""

    def __init__(self, headers: Headers) -> None:
        super().__init__(headers)
        self._names = {name.lower(): name for name in self}

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(self._names.get(name.lower(), name))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._names

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(self._names.get(name.lower(), name), default)


class RequestProcessor:
    """One request of a batch there: its headers, and what was set for its answer."""

    def __init__(self, context: ToolkitContext) -> None:
        self._context = context

    def get_request_property(self, key: str) -> str | None:
        return self._context.get_request_header(0, key)

    def get_request_properties(self) -> dict[str, str]:
        return self._context.get_all_request_header(0)

    def add_response_property(self, key: str, value: str) -> None:
        self._context.set_response_header(0, key, value)

    def get_response_headers(self) -> dict[str, str]:
        return self._context.get_response_headers(0)

    def get_response_header(self, key: str | None = None) -> Any:
        """Return one header of the answer (TorchServe), or all of them (multi-model-server)."""
        headers = self._context.get_response_headers(0)
        return headers if key is None else headers.get(key)

    def report_status(self, code: int, reason_phrase: str | None = None) -> None:
        self._context.set_response_status(code, reason_phrase or "")

    def get_response_status_code(self) -> int:
        return self._context.get_response_status()[0]

    def get_response_status_phrase(self) -> str:
        return self._context.get_response_status()[1]


class ToolkitMetrics:
    """Logs each metric of a script in one line; those model servers log them, too."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def add_counter(self, name: str, value: float, idx: Any = None, dimensions: Any = None) -> None:
        self._log(name, value, "count", dimensions)

    def add_time(
        self, name: str, value: float, idx: Any = None, unit: str = "ms", dimensions: Any = None
    ) -> None:
        self._log(name, value, unit, dimensions)

    def add_size(
        self, name: str, value: float, idx: Any = None, unit: str = "MB", dimensions: Any = None
    ) -> None:
        self._log(name, value, unit, dimensions)

    def add_percent(self, name: str, value: float, idx: Any = None, dimensions: Any = None) -> None:
        self._log(name, value, "percent", dimensions)

    def add_error(self, name: str, value: Any, dimensions: Any = None) -> None:
        self._log(name, value, "error", dimensions)

    def add_metric(
        self, name: str, value: float, idx: Any = None, unit: str = "", dimensions: Any = None, **_: Any
    ) -> None:
        self._log(name, value, unit, dimensions)

    def _log(self, name: str, value: Any, unit: str, dimensions: Any) -> None:
        fields: Mapping[str, Any] = {"metric": str(name), "value": value, "unit": str(unit)}
        log.info("metric %s=%s %s", name, value, unit, extra={"fields": fields})
