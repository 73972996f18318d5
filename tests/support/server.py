"""A real `container/serve` on a free port of loopback, with one of tests/models as its model."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests

from longshore.engines.ports import Port

CHECKOUT = Path(__file__).resolve().parents[2]
SERVE = CHECKOUT / "container" / "serve"
MODELS = CHECKOUT / "tests" / "models"
PATIENCE = 60  # seconds: the longest any test waits for something that must come


T = TypeVar("T")
_held: deque[Port] = deque(maxlen=100)


def free_port() -> int:
    """One that nobody else gets before it is used, neither from the system nor in a test beside this one."""
    _held.append(Port())
    return _held[-1].number


def environment(**variables: str | Path | int) -> dict[str, str]:
    """This process's environment without serve's settings, with this Python's programs first on PATH."""
    ours = (
        *("MODEL_SERVER_", "SAGEMAKER_", "SM_", "LOG_LEVEL", "ML_ROOT", "LONGSHORE_", "OMP_"),
        *("RUNNER", "ALGORITHM_", "GRAND_CHALLENGE_", "AWS_"),
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    return clean | {name: str(value) for name, value in variables.items()}


def wait_until(true: Any, what: str, patience: float = PATIENCE, seen: Callable[[], str] = str) -> Any:
    """Call `true` until it gives something true, and give that back. seen: what to show if it never does."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if result := true():
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited {patience} s in vain: {what}\n{seen()}".rstrip())


def steady(look: Callable[[], T]) -> T:
    """What it gives twice, a while apart: of what was just ending when it began, nothing is in it."""
    seen = [look()]

    def again() -> bool:
        time.sleep(0.1)
        seen.append(look())
        return seen[-1] == seen[-2]

    wait_until(again, "no change")
    return seen[-1]


class Server:
    """serve as a process. As a context manager: ready at the start, ended at the end."""

    def __init__(
        self,
        folder: Path,
        model: str | None,
        wait: bool = True,
        stdout: int | None = None,
        stderr: int | None = None,
        command: tuple[str, ...] = (),
        **variables: str | Path | int,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ml_root = folder / "ml"
        code = self.ml_root / "model" / "code"
        code.mkdir(parents=True, exist_ok=True)
        if model is not None:
            shutil.copy(MODELS / f"{model}.py", code / "inference.py")
        fixed: dict[str, str | Path | int] = {"ML_ROOT": self.ml_root, "SAGEMAKER_BIND_TO_PORT": self.port}
        self.variables = fixed | variables
        self._wait = wait
        self._stdout, self._stderr = stdout, stderr
        self._command = command or (str(SERVE),)

    def __enter__(self) -> Server:
        # A folder of its own for what serve writes; short, because a unix socket's path must be.
        self.temporary = Path(tempfile.mkdtemp(prefix="ls-"))
        self.temporary.chmod(0o755)
        self._out = (self.folder / "stdout").open("wb")
        self._err = (self.folder / "stderr").open("wb")
        self.process = subprocess.Popen(
            self._command,
            env=environment(**{"TMPDIR": self.temporary, **self.variables}),
            stdin=subprocess.DEVNULL,
            stdout=self._out if self._stdout is None else self._stdout,
            stderr=self._err if self._stderr is None else self._stderr,
        )
        if self._wait:
            try:
                self.wait_ready()
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._out.close()
        self._err.close()
        shutil.rmtree(self.temporary)

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, f"serve ended with {self.process.returncode}: {self.stderr}"
            return self.ping() == 200

        wait_until(ready, "a healthy /ping")

    def wait_exit(self) -> int:
        return self.process.wait(PATIENCE)

    def ping(self) -> int:
        """The status of GET /ping, 0 where nobody listens."""
        try:
            return requests.get(f"{self.url}/ping", timeout=PATIENCE).status_code
        except requests.ConnectionError:
            return 0

    def post(
        self, body: Any, content_type: str | None = "application/json", **headers: str
    ) -> requests.Response:
        """POST /invocations; a body that is neither bytes nor str is sent as JSON. X_Y becomes header X-Y."""
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            sent["Content-Type"] = content_type
        data = data.encode() if isinstance(data, str) else data
        return requests.post(f"{self.url}/invocations", data=data, headers=sent, timeout=PATIENCE)

    def hang(self, body: dict[str, Any], true: Callable[[], Any], what: str) -> Any:
        """Have the model hang by this body, whose request is "too long", until `true` gives something true.

        What a loaded machine has not brought to the model within the time limit is never computed: then the
        next request is answered, and this one is sent again.
        """

        def come() -> Any:
            if self.post({}).status_code == 200 and not true():
                self.post(body, X_Amzn_SageMaker_Inference_Id="too long")
            return true()

        return wait_until(come, what, seen=self.seen)

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=PATIENCE, **kwargs)

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    def log(self) -> list[dict[str, Any]]:
        """The JSON lines of stderr, without one that is still being written."""
        lines = self.stderr.splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    def access_log(self) -> list[dict[str, Any]]:
        """The JSON lines of stdout: every line must be one."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    def pids(self, name: str) -> list[int]:
        """The pids of this server's processes whose command line contains this name, oldest first."""
        found = []
        for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
            pid = int(cmdline.parent.name)
            try:
                command = cmdline.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if name in command and self.process.pid in _ancestors(pid):
                    found.append((int(stat_of(pid)[19]), pid))
            except OSError:
                continue
        return [pid for _, pid in sorted(found)]  # not by pid alone: pids begin anew at 32768

    def seen(self) -> str:
        """The logs, and what each process is at: to be shown where a test waits in vain."""
        parts = ["stdout:", self.stdout, "stderr:", self.stderr]
        for pid in self.pids(""):
            for task in sorted(Path(f"/proc/{pid}/task").glob("*")):
                for name in ("stat", "wchan", "stack"):  # the last one is root's to read
                    with contextlib.suppress(OSError):
                        parts.append(f"{task}/{name}: {(task / name).read_text().strip()}")
        return "\n".join(parts)

    def workers(self) -> list[int]:
        """The pids of gunicorn's workers: all but the oldest of its processes, its master."""
        return self.pids("gunicorn")[1:]


def alive(pid: int) -> bool:
    """Whether this process still runs; one that has ended and that nobody has reaped does not."""
    try:
        return stat_of(pid)[0] != "Z"
    except OSError:
        return False


def stat_of(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: the state, the parent, the start as the twentieth."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _ancestors(pid: int) -> list[int]:
    above = []
    while pid > 1:
        pid = int(stat_of(pid)[1])
        above.append(pid)
    return above
