"""The host engine alone: what an image's path may be, links where no mounts can be made, ports, output."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from longshore.engines import ports
from longshore.engines.base import Container, Line, Mount
from longshore.engines.host import HostEngine
from longshore.engines.spool import Spool
from longshore.errors import UserError
from tests.support.engines import Machine
from tests.support.server import CHECKOUT
from tests.support.training import open_to_all


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def _run(engine: HostEngine, container: Container) -> list[str]:
    started = engine.start(container)
    try:
        assert started.wait(30) is not None
        return [line.text for line in started.lines()]
    finally:
        started.remove()


@pytest.mark.parametrize("place", ["", "container"])
def test_serve_and_train_in_a_projects_folder(
    host_engine: HostEngine, engines_owner: str, tmp_path: Path, place: str
) -> None:
    _program(tmp_path / place / "serve", "echo serve; pwd")
    _program(tmp_path / place / "train", 'echo train "$@"; command -v tool')
    _program(tmp_path / ".venv" / "bin" / "tool", "")
    image = f"host:{tmp_path}"
    folder = str(tmp_path / place)
    known = host_engine.image(image)
    assert known.entrypoint == ("/usr/bin/env", "--") and known.command == ("serve",)
    for arguments in ((), ("serve",)):
        assert _run(host_engine, Container(image, arguments, owner=engines_owner)) == ["serve", folder]
    assert _run(host_engine, Container(image, ("train", "a b"), owner=engines_owner)) == [
        "train a b",
        str(tmp_path / ".venv" / "bin" / "tool"),
    ]
    assert _run(host_engine, Container(image, ("x",), entrypoint=("echo", "y"), owner=engines_owner)) == [
        "y x"
    ]


def test_this_checkout_is_an_image(host_engine: HostEngine) -> None:
    assert host_engine.image(f"host:{CHECKOUT}").command == ("serve",)


@pytest.mark.parametrize(("name", "said"), [("nothing-there", "no such file"), ("", "neither a folder with")])
def test_a_path_with_nothing_to_run(host_engine: HostEngine, tmp_path: Path, name: str, said: str) -> None:
    for ask in (host_engine.image, lambda image: host_engine.start(Container(image))):
        with pytest.raises(UserError, match=said):
            ask(f"host:{tmp_path / name}")


def test_where_no_mount_can_be_made_folders_are_links(host: Machine, tmp_path: Path) -> None:
    model = tmp_path / "some-model"
    model.mkdir()
    (model / "here").write_text("model")
    (host.ml_root / "model").mkdir()
    plain = Machine(HostEngine(namespaces=False), tmp_path / "ml", host.owner)
    plain.ml_root = host.ml_root
    mounts = (Mount(model, "/opt/ml/model", read_only=True), Mount(model, "/opt/ml/input/data/x"))
    script = 'cat "$ML_ROOT/model/here" "$ML_ROOT/input/data/x/here"; echo'
    assert plain.run(script, *mounts)[1] == ["modelmodel"]
    assert not (host.ml_root / "model").exists(), "the links went with it"
    (host.ml_root / "input").mkdir(exist_ok=True)
    (host.ml_root / "input" / "here").write_text("lies where it is shown")
    within = Mount(host.ml_root / "input", "/opt/ml/input", read_only=True)
    assert plain.run('cat "$ML_ROOT/input/here"; echo', within)[1] == ["lies where it is shown"]
    assert (host.ml_root / "input" / "here").exists()
    with pytest.raises(UserError, match="/opt/other"):
        plain.run("exit 0", Mount(model, "/opt/other"))
    with pytest.raises(UserError, match="read-only"):
        plain.run("exit 0", read_only_root=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else, who has no more than that")
def test_who_is_not_root_has_mounts_too_where_user_namespaces_are_allowed(tmp_path: Path) -> None:
    script = (
        "import os, sys; os.setgroups([]); os.setgid(1234); os.setuid(1234)\n"
        "from longshore.engines import launch\n"
        "wanted = launch.wanted(namespace=True, network=False, mounts=[(sys.argv[1], '/opt/ml/model', True)],"
        " argv=['sh', '-c', 'id -u; cat /opt/ml/model/here; touch /opt/ml/model/new'], "
        "environment={'PATH': '/usr/bin:/bin'})\n"
        "started = launch.enter(wanted, None, 'image')\n"
        "sys.exit(started.wait())"
    )
    open_to_all(tmp_path)
    tmp_path.chmod(0o777)
    (tmp_path / "here").write_text("model\n")
    run = subprocess.run(
        ["/usr/bin/python3", "-c", script, tmp_path], capture_output=True, text=True, cwd=CHECKOUT
    )  # the one on PATH may be for its owner's eyes alone
    if any(cause in run.stderr for cause in ("make a namespace", "No module named", "SyntaxError")):
        pytest.skip(f"no user namespaces, or no Python for all, here: {run.stderr.splitlines()[-1]}")
    assert run.stdout == "1234\nmodel\n", run.stderr
    assert "Read-only file system" in run.stderr and run.returncode == 1


def test_host_names_are_those_of_the_network(host: Machine) -> None:
    """A name resolves on its own host at once, and on the others when its host has started."""
    if not HostEngine().has_namespaces():
        pytest.skip("no namespaces here")
    script = """
    hostname; echo "$HOSTNAME"; getent ahostsv4 "$HOSTNAME" | head -n 1
    until getent ahostsv4 algo-2 | head -n 1 | grep STREAM; do sleep 0.05; done
    exec sleep 600
    """

    def read(lines: Iterator[Line], count: int) -> list[str]:
        return [line.text.split()[0] for line in islice(lines, count)]

    with (
        host.running(script, network="job", host_name="algo-1") as first,
        host.running(script, network="other", host_name="algo-2") as of_another_job,
    ):
        lines = first.lines()
        assert read(lines, 2) == ["algo-1", "algo-1"]
        (own,) = read(lines, 1)
        *_, of_other, _ = read(of_another_job.lines(), 4)
        with host.running(script, network="job", host_name="algo-2") as second:
            *_, of_second, seen_by_second = read(second.lines(), 4)
            assert read(lines, 1) == [seen_by_second] == [of_second]
        assert len({own, of_second, of_other}) == 3 and all(
            address.startswith("127.") for address in (own, of_second, of_other)
        )
    assert host.run("hostname")[1] == [socket.gethostname()], "unless it is given one"


def test_ports_differ_and_nobody_gets_one_unasked() -> None:
    held = [ports.Port() for _ in range(50)]
    assert len({port.number for port in held}) == 50
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if high - low < 40_000:
        assert not any(low <= port.number <= high for port in held)
    for port in held:
        with socket.socket() as program:
            program.bind(("127.0.0.1", port.number))
        port.close()


def test_what_is_kept_of_the_output_has_a_bound_and_readers_go_on(tmp_path: Path) -> None:
    pipes = [os.pipe() for _ in range(2)]
    out, err = (os.fdopen(read, "rb", buffering=0) for read, _ in pipes)
    spool = Spool(tmp_path, out, err, segment_bytes=10_000)
    slow = spool.lines()
    followed: list[str] = []
    follower = threading.Thread(target=lambda: followed.extend(line.text for line in spool.lines()))
    follower.start()
    with os.fdopen(pipes[0][1], "w") as writer:
        for number in range(20_000):
            writer.write(f"line {number}\n")
    os.close(pipes[1][1])
    spool.close()
    follower.join()
    assert followed[-1] == "line 19999"
    kept = [line.text for line in slow]
    assert kept == [f"line {number}" for number in range(20_000 - len(kept), 20_000)]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 400_000
    assert 100 < len(kept) < 20_000


def test_a_reader_ends_where_the_output_has_been_removed(host: Machine) -> None:
    with host.running("echo first; exec sleep 600") as started:
        assert next(started.lines()).text == "first"
    assert list(started.lines()) == []


def test_output_that_goes_on_after_all_is_said_to_have_ended_holds_nothing_up(tmp_path: Path) -> None:
    pipes = [os.pipe() for _ in range(2)]
    out, err = (os.fdopen(read, "rb", buffering=0) for read, _ in pipes)
    spool = Spool(tmp_path, out, err)
    os.write(pipes[0][1], b"kept\n")
    spool.close()  # the writing ends are still open, as with a daemon that cannot be found
    assert [line.text for line in spool.lines()] == ["kept"]
    for _, write in pipes:
        os.close(write)
