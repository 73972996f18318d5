"""Each fault of the classic nginx + gunicorn + Flask container, and that this one is without it.

The list is the one under "Breaks" for that system; the names of the tests are its lines. Several are
proved at length elsewhere; here each stands as its complaint is worded.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime import machine, settings
from tests.image.test_serve import assert_problem
from tests.support import sample
from tests.support.disk import small_disk
from tests.support.server import CHECKOUT, SERVE, Server, environment, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, worker_class: str) -> Iterator[Server]:
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 1, "MODEL_SERVER_WORKER_CLASS": worker_class}
    with Server(tmp_path_factory.mktemp("classic"), "rowsum", **variables) as running:
        yield running


@pytest.mark.parametrize("content_type", ["text/csv; charset=utf-8", "Text/CSV", "TEXT/CSV;header=absent"])
def test_csv_with_a_parameter_or_capitals_gets_415(server: Server, content_type: str) -> None:
    assert server.post("1,2\n", content_type).text == "3.0\n"


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("empty", b"", 204),
        ("ragged", b"1,2\n3\n", 400),
        ("not UTF-8", b"1,\xff\n", 400),
        ("words", b"a,b\nc,d\n", 422),
    ],
)
def test_a_bad_csv_gets_a_500_html_page(server: Server, name: str, body: bytes, status: int) -> None:
    response = server.post(body, "text/csv")
    assert response.status_code == status
    assert "html" not in response.headers.get("Content-Type", "").lower()
    assert "<" not in response.text


def test_a_short_csv_gets_a_500_html_page(tmp_path: Path) -> None:
    """Too few columns for the sample model, which was trained on four."""
    trained = environment(ML_ROOT=tmp_path / "ml", TMPDIR="/tmp")
    data = tmp_path / "ml" / "input" / "data" / "training"
    data.mkdir(parents=True)
    iris = sample.TEST_DIR / "input" / "data" / "training" / "iris.csv"
    (data / "iris.csv").write_bytes(iris.read_bytes())
    container = sample.checkout(tmp_path / "shipped") / "container"
    subprocess.run([container / "train"], env=trained, check=True, timeout=120)
    with Server(tmp_path, None, command=(str(container / "serve"),), MODEL_SERVER_WORKERS=1) as server:
        problem = assert_problem(server.post("1,2,3\n", "text/csv"), 422)
        assert "4" in str(problem["detail"])


def test_a_6_mb_body_gets_413(server: Server) -> None:
    body = b"1,2\n" * (6 * 1024 * 1024 // 4)
    assert server.post(body, "text/csv").status_code == 200


def test_execution_parameters_is_404(server: Server) -> None:
    assert server.get("/execution-parameters").json()["MaxConcurrentTransforms"] == 1


def test_ping_is_502_until_gunicorn_is_up_and_500_where_the_model_is_missing(tmp_path: Path) -> None:
    with Server(tmp_path, "load_raises", wait=False) as failing:
        seen = set()
        while failing.process.poll() is None:
            seen.add(failing.ping())
        assert seen <= {0, 503}


def test_one_busy_worker_makes_ping_exceed_2_s(tmp_path: Path) -> None:
    with Server(tmp_path, "slow", MODEL_SERVER_WORKERS=1) as busy, ThreadPoolExecutor() as pool:
        request = pool.submit(busy.post, {"spin": 4})
        pings = 0
        while not request.done():
            assert busy.ping() == 200
            pings += 1
        assert pings > 10


def test_gunicorn_cannot_boot_and_serve_exits_0(tmp_path: Path) -> None:
    with Server(tmp_path, "load_raises", wait=False) as failing:
        assert failing.wait_exit() == 3


def test_as_pid_1_sigterm_drops_what_is_in_flight(tmp_path: Path) -> None:
    """In a PID namespace of its own, where the kernel treats serve as it treats PID 1 of a container."""
    unshare = ("unshare", "--pid", "--fork", "--mount-proc")
    if os.geteuid() != 0 or subprocess.run([*unshare, "true"], check=False).returncode != 0:
        pytest.skip("this user may not make a PID namespace")
    command = (*unshare, "--kill-child=SIGKILL", str(SERVE))
    with Server(tmp_path, "slow", command=command, MODEL_SERVER_WORKERS=1) as server:
        (serve,) = [pid for pid in server.pids("container/serve") if pid != server.process.pid]
        with ThreadPoolExecutor() as pool:
            request = pool.submit(server.post, {"sleep": 5})
            arrived = "requests_in_flight 1.0"
            wait_until(lambda: arrived in server.get("/metrics").text, "the request's arrival")
            os.kill(serve, signal.SIGTERM)
            assert request.result().text == '"done"'
        assert server.wait_exit() == 0


def test_model_server_workers_auto_is_a_traceback(tmp_path: Path) -> None:
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS="auto") as server:
        wait_until(lambda: len(server.workers()) == machine.cpus(), "a worker a CPU")


def test_bind_to_port_is_ignored(tmp_path: Path) -> None:
    with Server(tmp_path, "rowsum") as server:
        assert server.port != 8080 and server.ping() == 200


def test_openmp_after_fork_closes_the_connection_prematurely(tmp_path: Path) -> None:
    """The model is loaded, and its thread pools are started, after the fork and not before it."""
    with Server(tmp_path, "openmp", MODEL_SERVER_WORKERS=2) as server:
        assert {server.post([[1.0, 2.0]]).status_code for _ in range(20)} == {200}


def test_the_socket_is_missing(server: Server) -> None:
    """nginx may come up before gunicorn: nothing but 503 is said until there is a worker."""
    with Server(server.folder / "fresh", "loads_slowly", wait=False) as loading:
        seen = {wait_until(loading.ping, "an answer") for _ in range(50)}
        assert seen == {503}


def test_gevent_monkey_patching_breaks_user_code(tmp_path: Path) -> None:
    """By default nothing is patched."""
    with Server(tmp_path, "tells_if_patched", MODEL_SERVER_WORKERS=1) as server:
        assert server.post({}).json() is False


@pytest.mark.parametrize("worker_class_", ["gthread", "gevent"])
def test_preload_hangs(tmp_path: Path, worker_class_: str) -> None:
    """A thread started when the model is imported lives on, because it is imported in the worker."""
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 2, "MODEL_SERVER_WORKER_CLASS": worker_class_}
    with Server(tmp_path, "starts_a_thread_at_import", **variables) as server:
        assert [server.post(number).json() for number in range(5)] == [0, 2, 4, 6, 8]


def test_413_on_batch(tmp_path: Path) -> None:
    """Batch transform sends up to 100 MB (A12)."""
    with Server(tmp_path, "counts_bytes", MODEL_SERVER_WORKERS=1) as server:
        body = bytes(100 * 1024 * 1024)
        assert server.post(body, "application/x-bytes").json() == len(body)
        assert server.post(body + b"1", "application/x-bytes").status_code == 413


def test_the_disk_is_full(tmp_path: Path, short_folder: Path) -> None:
    """A body that finds no room is refused as JSON, and requests that need none are served as before."""
    variables: dict[str, Any] = {"MODEL_SERVER_MAX_PAYLOAD_MB": 4, "TMPDIR": short_folder}
    with (
        small_disk(short_folder, "8m"),
        Server(tmp_path, "counts_bytes", MODEL_SERVER_WORKERS=1, **variables) as server,
    ):
        (short_folder / "filler").write_bytes(bytes(5 * 1024 * 1024))
        assert_problem(server.post(bytes(4 * 1024 * 1024), "application/x-bytes"), 500)
        assert server.post(b"123", "application/x-bytes").json() == 3
        wait_until(lambda: server.ping() == 503, "/ping telling that a large body has no room")
        assert "No space left on device" in server.stderr


def test_n_workers_times_n_threads_thrash() -> None:
    cpus = machine.cpus()
    assert settings.load({"MODEL_SERVER_WORKERS": str(cpus)}).thread_pools["OMP_NUM_THREADS"] == "1"


def test_a_worker_killed_for_memory_says_no_word(tmp_path: Path) -> None:
    with Server(tmp_path, "kills_itself", MODEL_SERVER_WORKERS=1) as server:
        server.post({"signal": int(signal.SIGKILL)})
        wait_until(lambda: " died: SIGKILL; " in server.stderr, "the log's word")


def test_nginx_times_out_before_gunicorn(tmp_path: Path) -> None:
    """One setting: nginx waits as long as the worker may take, and says so in the worker's stead."""
    with Server(tmp_path, "slow", MODEL_SERVER_WORKERS=1, MODEL_SERVER_TIMEOUT=5) as server:
        assert server.post({"sleep": 2}).status_code == 200
        assert_problem(server.post({"sleep": 10}), 504)


def test_the_log_is_full_of_pings(server: Server) -> None:
    for _ in range(20):
        assert server.ping() == 200
    server.post("1\n", "text/csv", X_Amzn_SageMaker_Inference_Id="after the pings")
    wait_until(lambda: "after the pings" in server.stdout, "the request's line")
    pings = [line["status"] for line in server.access_log() if line["path"] == "/ping"]
    assert 200 not in pings, "those of the start, before the model was loaded, are 503"
    assert "/ping" not in server.stderr


def test_train_and_serve_are_not_executable_or_have_crlf() -> None:
    for name in ("serve", "train"):
        path = CHECKOUT / "container" / name
        assert os.access(path, os.X_OK) and b"\r" not in path.read_bytes()


def test_ping_says_200_though_the_model_failed_to_load(tmp_path: Path) -> None:
    with Server(tmp_path, "load_raises", wait=False) as failing:
        while failing.process.poll() is None:
            assert failing.ping() != 200


def test_custom_attributes_are_unreachable(tmp_path: Path) -> None:
    with Server(tmp_path, "describe", MODEL_SERVER_WORKERS=1) as server:
        answer = server.post({}, X_Amzn_SageMaker_Custom_Attributes="a=1")
        assert answer.headers["X-Amzn-SageMaker-Custom-Attributes"] == "got a=1"


def test_the_cpu_count_is_the_hosts_and_not_the_cgroups(tmp_path: Path) -> None:
    (tmp_path / "cgroup").mkdir()
    (tmp_path / "cgroup" / "cpu.max").write_text("100000 100000\n")
    assert machine.cpus(machine.Roots(tmp_path / "cgroup", tmp_path / "proc")) == 1


def test_both_csv_and_json_come_in_and_go_out(server: Server) -> None:
    """The predictor note asks for both, for a batch, and for a line that counts the records."""
    rows = [[1, 2], [3, 4], [5, 6]]
    assert server.post({"instances": rows}).json() == [3.0, 7.0, 11.0]
    assert server.post({"instances": rows}, Accept="text/csv").text == "3.0\n7.0\n11.0\n"
    as_json = server.post(
        "1,2\n3,4\n", "text/csv", Accept="application/json", X_Amzn_SageMaker_Inference_Id="two"
    )
    assert as_json.json() == [3.0, 7.0]
    line = wait_until(lambda: [x for x in server.access_log() if x["request_id"] == "two"], "the line")[0]
    assert line["records"] == 2 and json.dumps(line["seconds"])
