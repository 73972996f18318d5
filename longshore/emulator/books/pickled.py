"""moto's backends as bytes and back: all that its services hold but for the contents of S3's objects, which
are files.

moto's objects are plain Python ones, so pickle takes them. What it cannot take is left out and named: a few
services hold threads or functions, and none of those is one that SageMaker's users need to survive a restart.
"""

from __future__ import annotations

import importlib
import io
import logging
import pickle
import sys
import threading
import time
from typing import Any

from longshore.emulator.books.services import PACKAGES, SERVICES

_log = logging.getLogger("longshore.emulator")

_LOCKS: dict[type, Any] = {type(threading.Lock()): threading.Lock, type(threading.RLock()): threading.RLock}
# moto names its backends like its packages or like AWS's services.
_KEPT = PACKAGES | SERVICES.keys()
_ATTEMPTS = 20  # a request that adds to a dictionary while it is read makes pickle fail


class _Pickler(pickle.Pickler):
    def reducer_override(self, thing: Any) -> Any:
        if type(thing) in _LOCKS:
            return _LOCKS[type(thing)], ()  # a new lock, which nobody holds
        return NotImplemented


def dump() -> tuple[dict[str, bytes], list[str]]:
    """Each backend in use, by 'service account region', and the services that could not be taken.

    Services that the emulator refuses are left out: moto makes some of their backends by itself.
    """
    from moto.core.base_backend import BackendDict

    taken: dict[str, bytes] = {}
    left_out: list[str] = []
    in_use: Any = BackendDict
    for backends in list(in_use._instances):
        if backends.service_name not in _KEPT:
            continue
        for account, region, backend in list(backends.iter_backends()):
            try:
                taken[f"{backends.service_name} {account} {region}"] = _pickled(backend)
            except (TypeError, AttributeError, pickle.PicklingError):
                left_out.append(backends.service_name)
    return taken, left_out


def load(taken: dict[str, bytes]) -> None:
    """Put backends back in their places; raises whatever pickle does where they are damaged.

    Skips services that the emulator refuses: what older ones kept of AWS Lambda could still be called.
    """
    for name, data in taken.items():
        service, account, region = name.split()
        if service not in _KEPT:
            _log.warning("The state holds records of %s, which this emulator refuses: dropped.", service)
            continue
        backend = pickle.loads(data)
        _backends_of(type(backend))[account][region] = backend
    _restore_what_classes_hold()


def _pickled(backend: Any) -> bytes:
    for attempt in range(_ATTEMPTS):
        buffer = io.BytesIO()
        try:
            _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(backend)
        except RuntimeError:  # changed size during iteration
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.01)
        else:
            break
    return buffer.getvalue()


def _backends_of(kind: type) -> Any:
    from moto.core.base_backend import BackendDict

    importlib.import_module(kind.__module__)
    for value in vars(sys.modules[kind.__module__]).values():
        if isinstance(value, BackendDict) and value.backend is kind:
            return value
    raise LookupError(f"moto has no backends of {kind.__module__}.{kind.__name__}")


def _restore_what_classes_hold() -> None:
    """The little that moto keeps outside of its backends."""
    from moto.logs.models import LogEvent
    from moto.s3.models import s3_backends

    everywhere: Any = s3_backends
    for account, partition, backend in everywhere.iter_backends():
        for bucket in backend.buckets:
            everywhere.bucket_accounts[bucket] = (partition, account)
    # Events are numbered through; no new one may get the number of an old one.
    LogEvent._event_id = time.time_ns()
