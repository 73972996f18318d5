"""The golden request (MODEL_SERVER_GOLDEN_REQUEST): what a worker must answer before it counts as ready.

Each worker answers it by itself, after the fork: a model that works where it was loaded may fail there, and
one that starts threads at its first call must not do so in gunicorn's master.
"""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from longshore_runtime import logs
from longshore_runtime.errors import RequestError, StartError
from longshore_runtime.model_settings import GOLDEN_TYPES
from longshore_runtime.serving import blackbox
from longshore_runtime.settings import Settings

if TYPE_CHECKING:
    from longshore_runtime.runners.base import Runner

log = logs.get("worker")

REQUEST_ID = "golden request"  # in log lines, and where the worker dies of it
_VARIABLE = "MODEL_SERVER_GOLDEN_REQUEST"


def refuse_missing(settings: Settings) -> None:
    """StartError where the file that the setting names is not there: no load is needed to find that out."""
    path = settings.model.golden_request
    if isinstance(path, Path) and not path.is_file():
        raise StartError(_VARIABLE, f"there is no file {path}.", "Put one there, or unset it.")


def require(runner: Runner, settings: Settings) -> None:
    """Have the loaded runner answer it. Where it cannot, the supervisor is told why, and this process exits.

    It is no request of a client's: it is in no metric, and says nothing about a crash loop.
    """
    if settings.model.golden_request is None:
        return
    # Here, as in _failure, because the supervisor imports this module, and starts sooner without werkzeug.
    from longshore_runtime.serving import loading

    token = logs.request_id.set(REQUEST_ID)
    blackbox.mine.trying(True)
    began = time.monotonic()
    failure, trace = _failure(runner, settings)
    seconds = time.monotonic() - began
    logs.request_id.reset(token)
    if seconds > settings.timeout:
        failure = too_late(settings)
    blackbox.mine.trying(False)
    if failure:
        loading.fail(settings, f"{failure}\n{trace}".rstrip())
    log.info("the golden request was answered in %.3f s", seconds)


def too_late(settings: Settings) -> str:
    """What is told of a golden request that takes too long."""
    return (
        f"The golden request was not answered within {settings.timeout} s, the limit set by"
        f" MODEL_SERVER_TIMEOUT ({_VARIABLE}={settings.model.golden_request})."
    )


def _failure(runner: Runner, settings: Settings) -> tuple[str, str]:
    """What went wrong, and its traceback; both empty where nothing did."""
    from werkzeug.datastructures import EnvironHeaders

    from longshore_runtime.runners.base import Context

    told = f"({_VARIABLE}={settings.model.golden_request})"
    try:
        body, content_type = _request(runner, settings.model.golden_request)
        headers = EnvironHeaders({"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))})
        answer = runner.invoke(body, Context(REQUEST_ID, content_type, headers=headers))
    except StartError as error:
        return str(error), ""
    except RequestError as error:
        what = f"The golden request {told} would be answered with {error.status}: {error.detail}"
        return what, traceback.format_exc()
    except BaseException:  # noqa: BLE001  # as with a request: the model has failed
        return f"The model failed on the golden request {told}:", traceback.format_exc()
    if answer.status >= 400:
        return f"The golden request {told} would be answered with {answer.status}, by the model itself.", ""
    return "", ""


def _request(runner: Runner, asked: Path | str | None) -> tuple[bytes, str]:
    """The body and its content type."""
    if isinstance(asked, Path):
        return asked.read_bytes(), GOLDEN_TYPES[asked.suffix]
    example = getattr(runner, "example", None)  # of the model runner alone, as is this setting
    match example:
        case (bytes() | str() as body, str(content_type)):
            return body.encode() if isinstance(body, str) else body, content_type
    found = "it has none" if example is None else f"it is {example!r:.100}"
    raise StartError(
        _VARIABLE,
        f"it asks for the model file's own example, but {found}.",
        'Write in that file, for example: example = ("5.1,3.5,1.4,0.2\\n", "text/csv")',
    )
