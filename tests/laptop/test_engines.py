"""What both engines owe, by the same programs: how they end, what they say and see, what they leave."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from longshore.engines.base import Container, Mount
from longshore.errors import UserError
from tests.support.engines import (
    SERVER,
    Machine,
    answers,
    left_behind,
    new_owner,
    processes_with,
    wait_for_line,
    wait_for_process,
)
from tests.support.server import CHECKOUT, wait_until
from tests.support.training import open_to_all

STUBBORN = """
trap '' TERM
sh -c 'trap "" TERM; while :; do sleep 0.1; done' {token} &
setsid sh -c 'trap "" TERM; while :; do sleep 0.1; done' {token} &
echo started
while :; do sleep 0.1; done
"""


def test_lines_come_while_it_runs_told_apart_and_in_order(machine: Machine) -> None:
    script = """
    echo one; echo two >&2; echo
    until [ -e /opt/ml/go ]; do sleep 0.01; done
    echo three; printf 'no end'
    """
    before = time.time()
    with machine.running(script) as started:
        lines = started.lines()
        first = [next(lines) for _ in range(3)]
        assert sorted((line.stream, line.text) for line in first) == [
            ("stderr", "two"),
            ("stdout", ""),
            ("stdout", "one"),
        ]
        assert started.exit_code() is None
        (machine.ml_root / "go").touch()
        rest = list(lines)
        assert [(line.stream, line.text) for line in rest] == [("stdout", "three"), ("stdout", "no end")]
        times = [line.when for line in first + rest if line.stream == "stdout"]
        assert times == sorted(times) and before - 1 <= times[0] and times[-1] <= time.time() + 1
        assert started.wait(10) == 0
        assert list(started.lines()) == first + rest, "from the start once more"


def test_any_bytes_and_long_lines_come_through(machine: Machine) -> None:
    _, lines = machine.run(
        "printf 'a\\377b\\n'; dd if=/dev/zero bs=1000 count=50 2>&- | tr '\\0' x; echo; echo z"
    )
    assert lines == ["a�b", "x" * 50_000, "z"]


def test_who_writes_much_is_not_held_up(machine: Machine) -> None:
    code, lines = machine.run("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exit 4")
    assert code == 4
    assert lines == [f"line {number}" for number in range(20000)]


def test_the_exit_code_is_the_programs(machine: Machine) -> None:
    assert machine.run("exit 3")[0] == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, 137), (signal.SIGTERM, 7)])
def test_a_signal_reaches_the_first_process(machine: Machine, number: int, code: int) -> None:
    with machine.running("trap 'exit 7' TERM; echo started; while :; do sleep 0.05; done") as started:
        wait_for_line(started, "started")
        started.signal(number)
        assert started.wait(10) == code
        started.signal(number)  # nothing, as it has ended
        assert started.exit_code() == code


def test_what_stops_in_time_is_not_killed(machine: Machine) -> None:
    with machine.running(
        "trap 'echo saved; exit 0' TERM; echo started; while :; do sleep 0.05; done"
    ) as started:
        wait_for_line(started, "started")
        assert started.stop(30) == 0
        assert "saved" in [line.text for line in started.lines()]


def test_what_does_not_stop_is_killed_with_all_it_started(machine: Machine) -> None:
    token = secrets.token_hex(8)
    with machine.running(STUBBORN.format(token=token)) as started:
        wait_for_process(token)
        assert started.stop(0.1) == 137
        assert not processes_with(token)


def test_what_outlives_the_first_process_ends_with_it(machine: Machine) -> None:
    token = secrets.token_hex(8)
    script = f"setsid sh -c 'while :; do sleep 0.1; done' {token} & exit 5"
    assert machine.run(script)[0] == 5
    wait_until(lambda: not processes_with(token), "its end")


def test_its_port_answers_on_loopback_until_it_is_removed(machine: Machine) -> None:
    with machine.running(SERVER, port=8080) as one, machine.running(SERVER, port=8080) as other:
        assert one.address is not None and other.address is not None
        assert one.address[0] == other.address[0] == "127.0.0.1"
        assert one.address[1] != other.address[1] and one.name != other.name
        for started in (one, other):
            wait_until(lambda started=started: answers(started), "an answer")
            assert (started.memory_bytes() or 0) > 50_000
        one.remove()
        one.remove()  # nothing, as that has been done
        assert not answers(one) and answers(other)


def test_the_environment_is_what_was_asked_for(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the developer's")
    monkeypatch.setenv("MODEL_SERVER_WORKERS", "7")
    asked = {"PLAIN": "a", "EMPTY": "", "ODD": "a=b 'c' \"d\" $e \\f\ng\té", "AWS_REGION": "eu-west-1"}
    machine.run("cat /proc/$$/environ > /opt/ml/environ", environment=asked)
    given = (machine.ml_root / "environ").read_bytes().decode().split("\0")[:-1]
    names = {text.partition("=")[0] for text in given}
    assert {f"{name}={value}" for name, value in asked.items()} <= set(given)
    usual = {"PATH", "HOME", "HOSTNAME"}
    if not machine.is_docker:
        usual = {"PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "ML_ROOT"}
        usual |= {"LONGSHORE_OWNER", "LONGSHORE_CONTAINER"}
    assert names == usual | set(asked)


def test_arguments_arrive_as_they_are(machine: Machine) -> None:
    arguments = ("--text", "a b", "", "'\"$HOME", "é")
    assert machine.run('for each in "$@"; do echo "[$each]"; done', arguments=arguments)[1] == [
        f"[{argument}]" for argument in arguments
    ]


def test_folders_are_where_they_should_be_and_the_model_cannot_be_written_to(
    machine: Machine, tmp_path: Path
) -> None:
    model, code, elsewhere = (tmp_path / name for name in ("some-model", "some-code", "elsewhere"))
    for folder in (model, code, elsewhere):
        folder.mkdir()
        (folder / "here").write_text(folder.name)
    mounts = (
        Mount(model, "/opt/ml/model", read_only=True),
        Mount(code, "/opt/ml/deeper/code"),
        Mount(elsewhere, "/opt/elsewhere/deeper"),
    )
    script = """
    cat /opt/ml/model/here /opt/ml/deeper/code/here /opt/elsewhere/deeper/here; echo
    touch /opt/ml/model/new 2>&- || echo refused
    rm -f /opt/ml/model/here 2>&-
    [ -z "$ML_ROOT" ] || touch "$ML_ROOT/model/new" 2>&-
    touch /opt/ml/new /opt/ml/deeper/code/new /opt/elsewhere/deeper/new
    """
    assert machine.run(script, *mounts)[1] == ["some-modelsome-codeelsewhere", "refused"]
    assert sorted(path.name for path in model.iterdir()) == ["here"]
    for folder in (machine.ml_root, code, elsewhere):
        assert (folder / "new").exists()
    assert not Path("/opt/elsewhere").exists()


def test_a_root_that_cannot_be_written_to(machine: Machine) -> None:
    script = "touch /etc/longshore-test 2>&- || echo refused; touch /opt/ml/new && echo written"
    assert machine.run(script, read_only_root=True)[1] == ["refused", "written"]
    assert not Path("/etc/longshore-test").exists()


def test_without_a_network_there_is_only_loopback(machine: Machine) -> None:
    _, lines = machine.run(
        "sed 1,2d /proc/net/dev; ping -c 1 127.0.0.1 > /dev/null 2>&1; echo", isolated=True
    )
    devices = [line.partition(":")[0].strip() for line in lines if ":" in line]
    assert "lo" in devices and "eth0" not in devices


def needs_root(machine: Machine) -> None:
    """Skip on this machine's own processes where this is not root; a Docker engine has its own."""
    if not machine.is_docker and os.geteuid() != 0:
        pytest.skip("only root can become another user, or limit a program's memory")


def test_it_runs_as_the_user_that_is_named(machine: Machine) -> None:
    needs_root(machine)
    open_to_all(machine.folder)
    assert machine.run("id -u; id -g", user="1234:567")[1] == ["1234", "567"]
    assert machine.run("id -u; id -g", user="1234")[1] == ["1234", "0"]


def test_a_memory_limit_ends_it_and_can_be_told(machine: Machine) -> None:
    needs_root(machine)
    with machine.running("exec dd if=/dev/zero of=/dev/null bs=300M count=1", memory_mb=32) as started:
        assert started.wait(30) == 137
        assert started.out_of_memory()
    with machine.running("exit 1", memory_mb=32) as started:
        assert started.wait(30) == 1
        assert not started.out_of_memory()


def test_a_program_that_is_not_there_is_said_at_once(machine: Machine) -> None:
    container = machine.container("exit 0")
    owner = new_owner("nothing")
    with pytest.raises(UserError, match="no-such-program"):
        machine.engine.start(
            Container(container.image, entrypoint=("/no-such-program",), owner=owner, port=8080, memory_mb=64)
        )
    assert not left_behind(owner)


OWNER = """
import sys, time
from pathlib import Path
from longshore.engines.base import Container, Mount
from longshore.engines.choose import choose
image, program, ml_root, owner, docker = sys.argv[1:]
choose(image).start(Container(
    image, entrypoint=("/program",) if docker else None, port=8080, owner=owner, memory_mb=64,
    network="shared" if docker else None,
    mounts=(Mount(Path(ml_root), "/opt/ml"), *([Mount(Path(program), "/program")] if docker else [])),
))
print("started", flush=True)
time.sleep(600)
"""


def test_what_a_killed_owner_left_is_removed(machine: Machine) -> None:
    token, owner = secrets.token_hex(8), new_owner("killed")
    with machine.running("while :; do sleep 0.1; done") as of_another:
        container = machine.container(STUBBORN.format(token=token))
        program = str(max(machine.folder.glob("program-*")))
        command = [sys.executable, "-c", OWNER, container.image, program, str(machine.ml_root), owner]
        with subprocess.Popen(
            [*command, "docker" if machine.is_docker else ""], stdout=subprocess.PIPE, cwd=CHECKOUT
        ) as killed:
            assert killed.stdout is not None and killed.stdout.readline() == b"started\n"
            wait_for_process(token)
            killed.kill()
        assert processes_with(token) and left_behind(owner)
        removed = machine.engine.clean(owner)
        assert len(removed) >= 1
        assert not processes_with(token)
        assert not left_behind(owner)
        assert machine.engine.clean(owner) == []
        assert of_another.exit_code() is None
