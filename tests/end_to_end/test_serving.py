"""`docker run IMAGE serve`, as every user SageMaker may choose, and how it stops."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.support.docker import Container
from tests.support.server import MODELS, wait_until

CSV = "5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n"
JSON = "[[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]"
KINDS = ["setosa", "virginica"]

READ_ONLY = ("--read-only", "--tmpfs", "/tmp")
# Options of `docker run`, and the user id that the workers must have.
AS = {
    "root, workers unprivileged": ((), 10001),
    "root, read-only": (READ_ONLY, 10001),
    "user 10001, read-only": (("--user", "10001", *READ_ONLY), 10001),
    "an arbitrary user": (("--user", "54321:0"), 54321),
    "an arbitrary user and group, read-only": (("--user", "54321:54321", *READ_ONLY), 54321),
    "root without capabilities": (("--cap-drop=ALL", "--security-opt=no-new-privileges"), 0),
}


@pytest.mark.parametrize(("options", "uid"), AS.values(), ids=AS.keys())
def test_it_serves_the_trained_model_as(
    image: str, trained: Path, options: tuple[str, ...], uid: int
) -> None:
    with Container(image, trained, *options) as container:
        ping = requests.get(f"{container.url}/ping", timeout=10)
        assert (ping.status_code, ping.content) == (200, b"")
        answer = container.post(CSV, "text/csv")
        assert (answer.status_code, [row[0] for row in csv.reader(answer.text.splitlines())]) == (200, KINDS)
        answer = container.post(JSON, "application/json")
        assert (answer.status_code, answer.json()) == (200, KINDS)

        program = container.processes()[1][1]
        assert Path(program.split()[0]).name.startswith("python"), program
        assert set(container.workers().values()) == {uid}
        assert container.stop() == 0


def test_it_serves_with_no_network_at_all(image: str, trained: Path) -> None:
    with Container(image, trained, "--network=none") as container:
        assert container.get_inside("/ping") == (200, "")
        status, text = container.post_inside(JSON, "application/json")
        assert (status, json.loads(text)) == (200, KINDS)
        assert container.stop() == 0


def test_it_listens_on_the_port_that_sagemaker_names(image: str, trained: Path) -> None:
    with Container(image, trained, "--env=SAGEMAKER_BIND_TO_PORT=9123", port=9123) as container:
        assert container.post(JSON, "application/json").json() == KINDS
        listening = container.execute("python", "-c", LISTENING).split()
        assert listening == ["9123"]


LISTENING = """
rows = [line.split() for name in ("tcp", "tcp6") for line in open(f"/proc/net/{name}") if " 0A " in line]
print(*{int(row[1].rpartition(":")[2], 16) for row in rows})
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="tells nothing where there is one CPU")
@pytest.mark.parametrize(
    ("options", "workers"), [(("--cpus=1",), 1), (("--cpuset-cpus=0",), 1), (("--cpus=2",), 2)]
)
def test_it_starts_a_worker_for_each_cpu_the_container_may_use(
    image: str, trained: Path, options: tuple[str, ...], workers: int
) -> None:
    with Container(image, trained, *options) as container:
        assert len(container.workers()) == workers


@pytest.fixture
def waiting(ml_root: Path) -> Path:
    """An /opt/ml whose model answers once there is a file model/go."""
    (ml_root / "model" / "code").mkdir()
    (ml_root / "model" / "code" / "inference.py").write_text(WAITS)
    return ml_root


WAITS = """
import time

def load(model_dir):
    return model_dir / "go"

def predict(model, data):
    while not model.exists():
        time.sleep(0.05)
    return "done"
"""


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_docker_stop_lets_a_request_in_flight_end(image: str, waiting: Path, worker_class: str) -> None:
    options = (f"--env=MODEL_SERVER_WORKER_CLASS={worker_class}", "--env=MODEL_SERVER_WORKERS=1")
    with Container(image, waiting, *options) as container, ThreadPoolExecutor() as pool:
        request = pool.submit(container.post, JSON, "application/json")
        wait_until(busy(container), "the request's arrival")
        stopping = pool.submit(container.stop)
        wait_until(lambda: container.get_inside("/ping")[0] == 503, "/ping saying 503")
        (waiting / "model" / "go").touch()
        assert request.result().json() == "done"
        assert stopping.result() == 0


def busy(container: Container) -> Callable[[], bool]:
    """Whether a client's connection to the server is established, as seen inside."""
    asks = 'print(sum(l.split()[1].endswith(":1F90") and " 01 " in l for l in open("/proc/net/tcp")))'
    return lambda: int(container.execute("python", "-c", asks)) > 0


def test_a_request_cut_off_by_sigkill_ends_with_the_container(image: str, waiting: Path) -> None:
    with Container(image, waiting, "--env=MODEL_SERVER_WORKERS=1") as container, ThreadPoolExecutor() as pool:
        request = pool.submit(container.post, JSON, "application/json")
        wait_until(busy(container), "the request's arrival")
        assert container.stop(seconds=0) == 137
        with pytest.raises(requests.ConnectionError):
            request.result()


def test_ping_says_503_before_the_memory_is_used_up_and_200_when_there_is_some_again(
    image: str, ml_root: Path
) -> None:
    (ml_root / "model" / "code").mkdir()
    shutil.copy(MODELS / "keeps_memory.py", ml_root / "model" / "code" / "inference.py")
    options = ("--memory=400m", "--memory-swap=400m", "--env=MODEL_SERVER_WORKERS=1")
    with Container(image, ml_root, *options) as container:

        def detail() -> str:
            answer = requests.get(f"{container.url}/ping", timeout=10)
            return "" if answer.status_code == 200 else str(answer.json()["detail"])

        def fuller() -> str:
            if not (said := detail()):
                assert container.post('{"more": 4}', "application/json").status_code == 200
                time.sleep(0.3)  # /ping looks once a second
            return said

        words = wait_until(fuller, "/ping saying 503")
        found = re.fullmatch(r"The memory is nearly used up: (\d+) of the 400 MB .* not counted\.", words)
        assert found and 380 <= int(found[1]) < 400, words
        assert container.post("{}", "application/json").text == "0"
        wait_until(lambda: not detail(), "/ping saying 200")
        assert container.logs.count("/ping says 503: The memory is nearly used up: ") == 1


@pytest.mark.parametrize("program", ["nginx", "gunicorn"])
def test_the_container_ends_non_zero_where_a_child_is_killed(image: str, trained: Path, program: str) -> None:
    with Container(image, trained) as container:
        oldest = min(pid for pid, (_, command) in container.processes().items() if program in command)
        container.execute("python", "-c", f"import os; os.kill({oldest}, 9)")
        assert container.wait_exit() == 128 + 9


def test_it_ends_non_zero_and_says_why_where_there_is_no_model(image: str, ml_root: Path) -> None:
    with Container(image, ml_root, wait=False) as container:
        assert container.wait_exit() not in (0, 137)
        assert "model.skops" in container.logs


def test_a_malformed_setting_is_told_in_one_line(image: str, trained: Path) -> None:
    with Container(image, trained, "--env=MODEL_SERVER_WORKERS=many", wait=False) as container:
        assert container.wait_exit() == 2
        assert len(container.logs.splitlines()) == 1
        assert "MODEL_SERVER_WORKERS" in container.logs
        assert "many" in container.logs


def test_serve_by_hand_inside_the_container(image: str, trained: Path) -> None:
    options = ("--entrypoint", "/bin/bash")
    with Container(image, trained, *options, command=("-c", "exec python serve")) as container:
        assert container.post(JSON, "application/json").json() == KINDS
        assert container.stop() == 0


def test_logs_are_a_json_object_a_line(image: str, trained: Path) -> None:
    with Container(image, trained, "--env=MODEL_SERVER_WORKERS=1") as container:
        container.post(JSON, "application/json")
        container.stop()
        lines = [json.loads(line) for line in container.logs.splitlines()]
    answered = [line["path"] for line in lines if line["logger"] == "access" and line["status"] == 200]
    assert answered == ["/invocations"], "one line a request, none for a healthy /ping"
