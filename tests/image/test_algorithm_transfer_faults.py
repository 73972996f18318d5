"""What networks and S3 do, once or for good: no wrong byte is taken, and nothing is left half done."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.client import S3
from longshore_runtime.runners.algorithm.s3.crew import Crew
from longshore_runtime.runners.algorithm.s3.fetch import Limits, Wanted, fetch
from longshore_runtime.runners.algorithm.s3.store import Stored, store
from tests.support import fault_proxy
from tests.support.fault_proxy import (
    INTERNAL_ERROR,
    SLOW_DOWN,
    Action,
    Cut,
    CutBody,
    ErrorIn200,
    FaultProxy,
    FlipAnswer,
    FlipRequest,
    PassOn,
    Refuse,
    Request,
    Stall,
    Truncate,
)
from tests.support.s3 import S3Server
from tests.support.server import PATIENCE

MIB = 1024 * 1024
FILES = {"small.txt": os.urandom(50_000), "folder/large.bin": os.urandom(16 * MIB + 1), "empty": b""}
CONNECTIONS = 4
WHATEVER: dict[str, Action] = {
    "cut": Cut(),
    "answer lost": Cut(applied=True),
    "slow down": SLOW_DOWN,
    "internal error": INTERNAL_ERROR,
}
OF_THE_ANSWER: dict[str, Action] = {  # where it has a body
    "body cut": CutBody(after=20),
    "body ends": CutBody(after=20, neatly=True),
    "body truncated": Truncate(to=20),
    "answer flipped": FlipAnswer(),
}
FETCH_FAULTS: dict[str, Action] = {**WHATEVER, **OF_THE_ANSWER}
STORE_FAULTS: dict[str, tuple[str, Action]] = {
    **{
        f"{kind}: {name}": (kind, WHATEVER[name])
        for kind in ("put", "part", "create", "complete")
        for name in WHATEVER
    },
    **{
        f"{kind}: {name}": (kind, OF_THE_ANSWER[name])
        for kind in ("create", "complete")
        for name in OF_THE_ANSWER
    },
    "put: slow down, retry after": ("put", Refuse(503, "SlowDown", {"retry-after": "1"})),
    "put: request flipped": ("put", FlipRequest()),
    "part: request flipped": ("part", FlipRequest()),
    "create: another id": ("create", FlipAnswer(before=b"</UploadId>")),
    "create: error in 200": ("create", ErrorIn200()),
    "complete: another etag": ("complete", FlipAnswer(before=b"-2")),
    "complete: error in 200": ("complete", ErrorIn200()),
    "complete: invalid part": ("complete", Refuse(400, "InvalidPart")),
    "complete: error in 200, late": ("complete", ErrorIn200(spaces=1000)),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("inputs")
        server.make_bucket("outputs")
        for key, data in FILES.items():
            server.put("inputs", key, data)
        yield server


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    for path, data in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def only_proxy(server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(server.url) as proxy:
        yield proxy


@pytest.fixture
def proxy(only_proxy: FaultProxy) -> FaultProxy:
    only_proxy.begin(lambda _: PassOn())
    return only_proxy


@pytest.fixture(scope="module")
def s3(server: S3Server, only_proxy: FaultProxy) -> Iterator[S3]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (server.environment() | {"AWS_ENDPOINT_URL_S3": only_proxy.url}).items():
            patch.setenv(name, value)
        yield S3()


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """Another one for each test."""
    return f"{tmp_path.name}/"


def store_all(s3: S3, folder: Path, prefix: str, stop: threading.Event | None = None) -> list[Stored]:
    return store(s3, folder, "outputs", prefix, CONNECTIONS, stop or threading.Event())


def fetch_all(s3: S3, folder: Path, stop: threading.Event | None = None) -> None:
    wanted = [Wanted("inputs", key, folder / Path(key).name, key) for key in FILES]
    fetch(s3, wanted, Limits(10, None), CONNECTIONS, stop or threading.Event())


def nothing_remains(server: S3Server) -> bool:
    return server.uploads("outputs") == server.leftovers() == []


@pytest.mark.parametrize("fault", STORE_FAULTS)
def test_all_is_stored_whatever_happens_once(
    fault: str, server: S3Server, proxy: FaultProxy, s3: S3, prefix: str, outputs: Path
) -> None:
    kind, action = STORE_FAULTS[fault]
    proxy.fault = fault_proxy.first(action, kind)
    stored = store_all(s3, outputs, prefix)
    assert {each.relative_path: each.sha256 for each in stored} == {
        path: hashlib.sha256(data).hexdigest() for path, data in FILES.items()
    }
    assert all(server.get("outputs", f"{prefix}{path}") == data for path, data in FILES.items())
    assert nothing_remains(server)
    assert proxy.count(kind) > 0


@pytest.mark.parametrize("kind", ["put", "part", "create", "complete"])
def test_a_denied_output_is_a_clear_error_and_nothing_of_its_parts_remains(
    kind: str, server: S3Server, proxy: FaultProxy, s3: S3, prefix: str, outputs: Path
) -> None:
    proxy.fault = fault_proxy.first(Refuse(403, "AccessDenied"), kind, times=1000)
    with pytest.raises(TaskError) as caught:
        store_all(s3, outputs, prefix)
    assert caught.value.reason is Reason.OUTPUT
    path = "folder/large.bin" if kind != "put" else ""
    assert path in caught.value.message
    assert "'outputs'" in caught.value.message
    assert "Access is denied." in caught.value.message
    assert nothing_remains(server)


def test_the_abort_of_an_upload_is_repeated(
    server: S3Server, proxy: FaultProxy, s3: S3, prefix: str, outputs: Path
) -> None:
    denied = fault_proxy.first(Refuse(403, "AccessDenied"), "complete")
    broken = fault_proxy.first(SLOW_DOWN, "abort", times=2)
    proxy.fault = lambda request: denied(request) if request.kind == "complete" else broken(request)
    with pytest.raises(TaskError, match="Access is denied"):
        store_all(s3, outputs, prefix)
    assert proxy.count("abort") == 3
    assert nothing_remains(server)


def test_an_upload_that_cannot_be_aborted_is_named_in_the_log(
    server: S3Server, proxy: FaultProxy, s3: S3, prefix: str, outputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.fault = fault_proxy.first(Refuse(403, "AccessDenied"), "part", "abort", times=1000)
    with pytest.raises(TaskError, match="Access is denied"):
        store_all(s3, outputs, prefix)
    (remaining,) = server.client.list_multipart_uploads(Bucket="outputs")["Uploads"]
    server.client.abort_multipart_upload(
        Bucket="outputs", Key=remaining["Key"], UploadId=remaining["UploadId"]
    )
    assert remaining["Key"] == f"{prefix}folder/large.bin"
    assert any("may remain" in line and "folder/large.bin" in line for line in caplog.messages)


@pytest.mark.parametrize("kind", ["put", "part", "create", "complete"])
def test_a_stop_ends_a_store_that_stalls_and_nothing_of_it_remains(
    kind: str, server: S3Server, proxy: FaultProxy, s3: S3, prefix: str, outputs: Path
) -> None:
    proxy.fault = fault_proxy.first(Stall(), kind)
    assert stopped_at_the_stall(proxy, lambda stop: store_all(s3, outputs, prefix, stop)) is Reason.STOPPED
    assert nothing_remains(server)


@pytest.mark.parametrize("fault", FETCH_FAULTS)
def test_all_is_fetched_whatever_happens_to_each_object_and_part(
    fault: str, server: S3Server, proxy: FaultProxy, s3: S3, tmp_path: Path
) -> None:
    # The first of each object's requests, and of each part's.
    met: set[tuple[str, str]] = set()

    def once(request: Request) -> Action:
        each = (request.path, request.headers.get("range", ""))
        if (
            request.kind != "get"
            or each in met
            or (fault in OF_THE_ANSWER and request.path.endswith("empty"))
        ):
            return PassOn()
        met.add(each)
        return FETCH_FAULTS[fault]

    proxy.fault = once
    fetch_all(s3, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        Path(key).name: data for key, data in FILES.items()
    }
    assert len(met) >= 3


def test_what_is_always_wrong_is_never_taken(
    server: S3Server, proxy: FaultProxy, s3: S3, prefix: str, outputs: Path, tmp_path: Path
) -> None:
    """Both at once, because both try again for several seconds."""
    proxy.fault = lambda request: (
        FlipAnswer()
        if request.path.endswith("small.txt") and request.kind == "get"
        else FlipRequest()
        if request.path.endswith("small.txt")
        else PassOn()
    )
    with ThreadPoolExecutor() as pool:
        storing = pool.submit(store_all, s3, outputs, prefix)
        fetching = pool.submit(fetch_all, s3, tmp_path)
    assert reason_of(storing) is Reason.OUTPUT
    assert reason_of(fetching) is Reason.INPUT
    assert server.get("outputs", f"{prefix}small.txt") is None
    assert nothing_remains(server)
    assert {path.name for path in tmp_path.iterdir()} <= {"empty", "large.bin"}


def test_a_stop_ends_a_fetch_that_stalls_and_no_temporary_file_remains(
    proxy: FaultProxy, s3: S3, tmp_path: Path
) -> None:
    proxy.fault = lambda request: Stall() if request.path.endswith("large.bin") else PassOn()
    assert stopped_at_the_stall(proxy, lambda stop: fetch_all(s3, tmp_path, stop)) is Reason.STOPPED
    assert {path.name for path in tmp_path.iterdir()} <= {"empty", "small.txt"}


def test_no_part_is_under_way_any_more_when_its_job_goes_on_after_a_failure() -> None:
    """Else it would write to a file that is closed, or to one that has its number by now."""
    crew, begun, ended, seen = Crew(), threading.Event(), threading.Event(), []

    def slow() -> None:
        begun.set()
        time.sleep(0.1)
        ended.set()

    def failing() -> None:
        raise ValueError("wrong")

    def job() -> None:
        try:
            with crew.offer([slow, failing]) as parts:
                assert begun.wait(PATIENCE)  # the other thread has it
                crew.finish(parts)
        finally:
            seen.append(ended.is_set())

    with pytest.raises(ValueError, match="wrong"):
        crew.work([job], 2, threading.Event(), lambda _: "")
    assert seen == [True]


def stopped_at_the_stall(proxy: FaultProxy, step: Callable[[threading.Event], object]) -> Reason | None:
    stop = threading.Event()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(step, stop)
        assert proxy.stalling.wait(PATIENCE)
        stop.set()
    return reason_of(running)


def reason_of(ended: Future[Any]) -> Reason | None:
    error = ended.exception()
    assert isinstance(error, TaskError), error
    return error.reason
