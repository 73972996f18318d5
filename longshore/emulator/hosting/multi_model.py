"""The models of one multi-model container: loaded at their first use, unloaded for want of room (B4)."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import urllib3

from longshore.emulator import opt_ml
from longshore.emulator.faults import AwsError, Failure
from longshore.emulator.hosting.errors import broken, model_error, timed_out
from longshore.emulator.parts import Part
from longshore.emulator.platform import Platform
from longshore.emulator.s3_uri import S3Uri, parse_s3_uri
from longshore.limits import ACCEPT_SECONDS, MODEL_LOAD_SECONDS, MODEL_LOAD_SECONDS_MAX

_log = logging.getLogger("longshore.emulator")

_UNLOAD_SECONDS = 60.0  # until DELETE is answered


class _Model:
    """name: under which the container knows it, safe in paths. users: requests that wait for it or use it."""

    def __init__(self, target: str) -> None:
        self.name = hashlib.sha256(target.encode()).hexdigest()[:32]
        self.target = target
        self.state: Literal["loading", "loaded", "failed", "unloading"] = "loading"
        self.failure: AwsError | None = None
        self.users = 0
        self.used = time.monotonic()


class ModelCache:
    """Which models a container holds. Thread-safe.

    folder: what it sees as /opt/ml/models. A model stays as it was loaded, whatever becomes of its S3 object,
    until its place is needed; with ModelCacheSetting Disabled, until its last request is answered.
    """

    def __init__(
        self,
        platform: Platform,
        endpoint: str,
        part: Part,
        folder: Path,
        pool: urllib3.HTTPConnectionPool,
        *,
        wait_seconds: float = MODEL_LOAD_SECONDS,
        load_seconds: float = MODEL_LOAD_SECONDS_MAX,
    ) -> None:
        """wait_seconds: how long a request waits for a load; load_seconds: how long a load may take."""
        self._platform = platform
        self._endpoint = endpoint
        self._container = part.name
        self._prefix = parse_s3_uri(part.definition["ModelDataUrl"])
        self._keep = part.definition.get("MultiModelConfig", {}).get("ModelCacheSetting") != "Disabled"
        self._folder = folder
        self._pool = pool
        self._wait_seconds = wait_seconds
        self._load_seconds = load_seconds
        self._condition = threading.Condition()
        self._models: dict[str, _Model] = {}
        self._unloads = 0
        self._closed = False

    @contextmanager
    def using(self, target: str, deadline: float) -> Iterator[str]:
        """The name by which the container has this model loaded; it stays while it is in use.

        AwsError where it cannot be loaded, or not before the deadline (by time.monotonic()).
        """
        deadline = min(deadline, time.monotonic() + self._wait_seconds)
        with self._condition:
            model = self._enter(target.lstrip("/"), deadline)
        try:
            with self._condition:
                self._condition.wait_for(lambda: model.state != "loading", deadline - time.monotonic())
                if model.state == "loading":
                    raise _not_ready(target)
            if model.failure is not None:
                raise model.failure
            yield model.name
        finally:
            with self._condition:
                model.users -= 1
                model.used = time.monotonic()
                away = not self._keep and model.users == 0 and model.state == "loaded"
                if away:
                    model.state = "unloading"
                self._condition.notify_all()
            if away:
                self._platform.background(f"unload {model.name}", lambda: self._unload(model))

    def make_room(self, deadline: float = 0.0) -> bool:
        """Unload the model that was used least recently, of those that nobody uses now; False where there is
        none, and none becomes free before the deadline.
        """
        with self._condition:
            unloads = self._unloads
            while not (idle := self._idle()):
                if self._unloads != unloads:
                    return True  # another one's
                left = deadline - time.monotonic()
                waits = any(one.state in ("loaded", "unloading") for one in self._models.values())
                if left <= 0 or not waits or self._closed:
                    return False
                self._condition.wait(left)
            model = min(idle, key=lambda one: one.used)
            model.state = "unloading"
        self._unload(model)
        return True

    def close(self) -> None:
        """The container goes: nothing more is loaded."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _enter(self, target: str, deadline: float) -> _Model:
        """The model with this request counted in, and its load begun; the lock is held."""
        self._condition.wait_for(
            lambda: target not in self._models or self._models[target].state != "unloading",
            deadline - time.monotonic(),
        )
        model = self._models.get(target)
        if model is None:
            uri = self._uri(target)
            model = self._models[target] = _Model(target)
            loaded = model
            self._platform.background(f"load {model.name}", lambda: self._load(loaded, uri))
        elif model.state == "unloading":
            raise _not_ready(target)
        model.users += 1
        return model

    def _idle(self) -> list[_Model]:
        return [one for one in self._models.values() if one.state == "loaded" and one.users == 0]

    def _uri(self, target: str) -> S3Uri:
        uri = self._prefix.below(target)
        if self._platform.books.find_object(*uri) is None:
            raise AwsError(
                "ValidationError",
                f"Failed to download model data(bucket: {uri.bucket}, key: {uri.key}). The object could not "
                "be found. Please ensure that there is an object located at the URL and that the role passed "
                "to CreateModel has permissions to download the model.",
            )
        return uri

    def _load(self, model: _Model, uri: S3Uri) -> None:
        failure: AwsError | None = AwsError(
            "InternalFailure", "The emulator failed; its output has the traceback.", 500
        )
        try:
            failure = self._try_to_load(model, uri)
        finally:
            if failure is not None or self._closed:
                shutil.rmtree(self._folder / model.name, ignore_errors=True)
            with self._condition:
                model.failure = failure
                model.state = "loaded" if failure is None else "failed"
                if failure is not None:
                    self._models.pop(model.target, None)
                self._condition.notify_all()

    def _try_to_load(self, model: _Model, uri: S3Uri) -> AwsError | None:
        deadline = time.monotonic() + self._load_seconds
        try:
            opt_ml.extract(
                self._platform.books,
                uri,
                self._folder / model.name / "model",
                self._platform.check_running,
            )
            (self._folder / model.name / "model").mkdir(parents=True, exist_ok=True)  # of an empty archive
            while True:
                answer = self._post(model, deadline)
                if 200 <= answer.status < 300 or answer.status == 409:  # 409: it has it already
                    return None
                if answer.status != 507 or not self.make_room(deadline):
                    return model_error(
                        self._platform, self._endpoint, answer.status, answer.data, self._container
                    )
        except Failure as failure:
            return AwsError("ValidationError", str(failure))
        except AwsError as error:  # the object has gone meanwhile
            return AwsError("ValidationError", error.message)
        except urllib3.exceptions.TimeoutError:
            self._delete(model)  # it may yet come to have it
            return timed_out(self._platform, self._endpoint, self._container)
        except urllib3.exceptions.HTTPError as error:
            return broken(self._platform, self._endpoint, error, self._container)
        except OSError as error:
            return AwsError("InternalFailure", f"This machine cannot hold the model: {error}.", 500)

    def _post(self, model: _Model, deadline: float) -> urllib3.BaseHTTPResponse:
        wanted = {"model_name": model.name, "url": f"{opt_ml.ROOT}/models/{model.name}/model"}
        return self._pool.request(
            "POST",
            "/models",
            body=json.dumps(wanted).encode(),
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                "X-Amzn-SageMaker-Target-Model": model.target,
            },
            timeout=urllib3.Timeout(connect=ACCEPT_SECONDS, read=max(0.001, deadline - time.monotonic())),
            redirect=False,
        )

    def _unload(self, model: _Model) -> None:
        self._delete(model)
        shutil.rmtree(self._folder / model.name, ignore_errors=True)
        with self._condition:
            self._models.pop(model.target, None)
            self._unloads += 1
            self._condition.notify_all()

    def _delete(self, model: _Model) -> None:
        try:
            answer = self._pool.request(
                "DELETE",
                f"/models/{model.name}",
                headers={"X-Amzn-SageMaker-Target-Model": model.target},
                timeout=_UNLOAD_SECONDS,
                redirect=False,
            )
            if 200 <= answer.status < 300 or answer.status == 404:
                return
            why = f"it answered {answer.status}"
        except (urllib3.exceptions.HTTPError, OSError) as error:
            why = str(error)
        if not self._closed:
            _log.warning("endpoint %s: %s was not unloaded: %s", self._endpoint, model.target, why)


def _not_ready(target: str) -> AwsError:
    return AwsError(
        "ModelNotReadyException", f"Model {target} is not loaded yet, and goes on loading: try again.", 429
    )
