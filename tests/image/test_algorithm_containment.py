"""A task's program, and how far it reaches: not to the server, nor to other tasks, nor past its own end.

Programs run in four ways: each task as a user of its own (the default where the server is root), all as one
user that is root's choice, and all as the server's own user, which is root without rights or not root at all.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile import AS_ROOT
from tests.support.programs import PROGRAMS, in_python, runs
from tests.support.s3 import S3Server
from tests.support.server import Server, free_port
from tests.support.tasks import INPUTS, KEY, OUTPUTS, an_input, lines, serve, task, two_buckets, waiting_for

SOMEBODY = 54321  # a user of whom this machine knows nothing
NO_ROOT = ("setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups")
DOCKERS = "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,sys_chroot"
# What serve is started by, where we are root. The third is `docker run --cap-drop ALL`.
COMMANDS = {
    "own users": ("setpriv", f"--bounding-set=-all,+{DOCKERS.replace(',', ',+')}"),
    "one user": (),
    "no capabilities": ("setpriv", "--bounding-set=-all"),
    "no root": NO_ROOT,
}
WAYS = list(COMMANDS) if os.geteuid() == 0 else ["no root"]


class Place:
    """A folder that every user may write in, with the programs of tests/algorithms, and S3."""

    def __init__(self, folder: Path, s3: S3Server) -> None:
        self.folder, self.s3 = folder, s3
        self.marks = self.made("marks")
        self._servers = 0
        shutil.copytree(PROGRAMS, folder / "programs")

    def made(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        folder.chmod(0o777)
        return folder

    def server(self, way: str = "own users", **variables: str | Path | int) -> Server:
        """A server whose programs run in this way."""
        self._servers += 1
        home = self.made(f"server-{self._servers}")
        temporary = self.made(f"t-{self._servers}")
        user = {"one user": str(SOMEBODY)}.get(way, "")
        fixed: dict[str, str | Path | int]
        fixed = {"TMPDIR": temporary, "ALGORITHM_WORK_DIR": temporary, "HOME": "/root"}
        made = serve(home, self.s3, True, **{"ALGORITHM_USER": user, **fixed, **variables})
        if os.geteuid() == 0:
            made._command = (*COMMANDS[way], *made._command)
        return made

    def run(self, server: Server, name: str, script: str, **fields: Any) -> dict[str, Any]:
        """The result of a task with this script."""
        answer = server.post(task(self.s3, name, script, **fields))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def output(self, name: str) -> str:
        """What the task of this name has stored as `x`."""
        content = self.s3.get(OUTPUTS, f"{name}/x")
        assert content is not None
        return content.decode()

    def program(self, name: str, *arguments: object) -> str:
        """A line of a script that runs this program; what it prints becomes the output `x`."""
        python = Path(sys.executable).resolve()
        words = " ".join(f"'{argument}'" for argument in arguments)
        return f"'{python}' '{self.folder}/programs/{name}' {words} > $ALGORITHM_OUTPUT/x"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="ls-"))  # pytest's own are closed to other users
    folder.chmod(0o755)
    with two_buckets(tmp_path_factory.mktemp("containment")) as s3:
        yield Place(folder, s3)
    shutil.rmtree(folder)


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(place: Place, way: str) -> Iterator[Server]:
    """One whose programs run in each of the ways."""
    with place.server(way, ALGORITHM_SIGNING_KEY_HEX=KEY) as running:
        yield running


@pytest.fixture(scope="module")
def own(place: Place) -> Iterator[Server]:
    """One whose tasks have users of their own, two at once."""
    with place.server(ALGORITHM_SIGNING_KEY_HEX=KEY, MODEL_SERVER_WORKERS=2) as running:
        yield running


# Nothing outlives its task


def test_a_daemon_that_leaves_session_and_environment_does_not_outlive_its_task(
    place: Place, server: Server, way: str
) -> None:
    pid = place.marks / f"hides-{way}"
    daemon = f"'{place.folder}/programs/leaves_a_daemon_that_hides.sh' '{pid}'"
    assert place.run(server, f"hides-{way}", daemon)["reason"] == "ok"
    assert not runs(int(pid.read_text()))


def test_a_daemon_that_is_always_another_process_does_not_outlive_its_task(
    place: Place, server: Server, way: str
) -> None:
    pids = place.marks / f"moves-{way}"
    script = place.program("leaves_a_daemon_that_moves_on.py", pids)
    assert place.run(server, f"moves-{way}", script)["reason"] == "ok"
    before = lines(pids)
    assert before and not any(runs(int(pid)) for pid in before)
    assert place.run(server, f"moves-after-{way}", "true")["reason"] == "ok"
    assert lines(pids) == before


def test_a_task_that_is_stopped_takes_its_daemons_with_it(place: Place, server: Server, way: str) -> None:
    pid = place.marks / f"stopped-{way}"
    script = f"'{place.folder}/programs/leaves_a_daemon_that_hides.sh' '{pid}'; exec sleep 300"
    assert place.run(server, f"stopped-{way}", script, timeout=3)["reason"] == "timeout"
    assert not runs(int(pid.read_text()))


def test_no_zombies_are_left(place: Place, server: Server, way: str) -> None:
    def zombies() -> list[str]:
        workers = [f" {pid} " for pid in server.pids("gunicorn")]
        stats = [path.read_text().rpartition(")")[2] for path in Path("/proc").glob("[0-9]*/stat")]
        return [stat for stat in stats if stat.startswith(" Z ") and any(w in stat for w in workers)]

    assert place.run(server, f"zombies-{way}", "(setsid sleep 0.01 &) ; sleep 0.2")["reason"] == "ok"
    assert zombies() == []


# The server's secrets and rights


def test_no_program_reads_the_servers_secrets(place: Place, server: Server, way: str) -> None:
    script = place.program("reads_secrets.py", place.s3.secret_key, KEY)
    assert place.run(server, f"secrets-{way}", script)["reason"] == "ok"
    found = json.loads(place.output(f"secrets-{way}"))
    # Other tests' servers, of this user and without secrets, may run beside this one.
    ours = server.pids("")
    assert [process for process in found if process[2] or process[0] in ours] == []


@AS_ROOT
@pytest.mark.parametrize("way_to_ask", ["waits", "hangs-up", "ipv6", "by-socket"])
@pytest.mark.parametrize("user", ["own users", "one user"])
def test_no_program_has_its_server_run_another_task(place: Place, user: str, way_to_ask: str) -> None:
    name = f"{way_to_ask}-{user}"
    forged = json.dumps({**task(place.s3, f"forged-{name}", "true"), "pk": "forged"})
    with place.server(user) as server:
        sockets = Path(str(server.variables["TMPDIR"]))
        asks = place.program("asks_its_server.py", way_to_ask, server.port, sockets, forged)
        assert place.run(server, name, asks)["reason"] == "ok"
        expected = {"hangs-up": "sent", "by-socket": "[]"}.get(way_to_ask, "403")
        assert place.output(name).strip() == expected
        assert place.run(server, f"after-{name}", "true")["reason"] == "ok"
    assert place.s3.keys(OUTPUTS, f"forged-{name}") == []


@AS_ROOT
def test_no_program_gains_rights_by_a_setuid_file(place: Place, own: Server) -> None:
    setuid = place.folder / "id"
    shutil.copy("/usr/bin/id", setuid)
    setuid.chmod(0o4755)
    place.run(own, "setuid", f"'{setuid}' -u > $ALGORITHM_OUTPUT/x")
    assert int(place.output("setuid")) != 0


# Other tasks


@AS_ROOT
def test_tasks_at_once_neither_see_nor_change_each_others_folders(place: Place, own: Server) -> None:
    go = place.marks / "seen"
    others = f"""
        echo $ALGORITHM_OUTPUT >> '{place.marks}/both'
        while [ $(wc -l < '{place.marks}/both') -lt 2 ]; do sleep 0.02; done
        for other in $(cat '{place.marks}/both'); do
            [ $other = $ALGORITHM_OUTPUT ] && continue
            ls $other $other/../input > $ALGORITHM_OUTPUT/listed 2>/dev/null
            echo planted 2>/dev/null > $other/planted
        done
        touch '{go}'-$ALGORITHM_TASK_ID
        {waiting_for(Path(f"{go}-one"))} {waiting_for(Path(f"{go}-two"))}
        id -u > $ALGORITHM_OUTPUT/x
    """
    (place.marks / "both").touch()
    (place.marks / "both").chmod(0o666)
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda name: place.run(own, name, others), ("one", "two")))
    assert [result["reason"] for result in results] == ["ok", "ok"]
    assert place.output("one") != place.output("two")
    for name in ("one", "two"):
        assert place.s3.get(OUTPUTS, f"{name}/listed") == b""
        assert place.s3.get(OUTPUTS, f"{name}/planted") is None


@AS_ROOT
def test_what_a_task_leaves_elsewhere_is_removed(place: Place, own: Server) -> None:
    name = f"ls-traces-{os.getpid()}"
    assert place.run(own, "traces", place.program("leaves_traces.py", name))["reason"] == "ok"
    user = place.output("traces").strip()
    assert not any(Path(folder, name).exists() for folder in ("/tmp", "/var/tmp", "/dev/shm"))
    rows = Path("/proc/sysvipc/shm").read_text().splitlines()
    assert not any(user in row.split() for row in rows)


@AS_ROOT
def test_a_program_that_forks_without_end_ends_with_its_task(place: Place, own: Server) -> None:
    assert place.run(own, "forks", place.program("forks_without_end.py", 300))["reason"] == "ok"
    assert int(place.output("forks")) > 0
    assert own.pids("forks_without_end") == []
    assert place.run(own, "after-the-forks", "true")["reason"] == "ok"


# What a program of its own user can do all the same


@AS_ROOT
def test_a_program_with_its_own_user_finds_all_it_needs(place: Place, own: Server) -> None:
    place.s3.put(INPUTS, "deep", b"deep")
    script = """
        [ "$(cat $ALGORITHM_INPUT/a/b/deep)" = deep ] || exit 3
        touch $ALGORITHM_INPUT/x 2>/dev/null && exit 4
        echo home > $HOME/file && echo tmp > $TMPDIR/file && touch /tmp/file-$$ || exit 5
        echo 0.5 half >> $ALGORITHM_PROGRESS || exit 6
        mkdir $ALGORITHM_OUTPUT/inner && echo $USER $LOGNAME > $ALGORITHM_OUTPUT/inner/x || exit 7
        umask 077; mkdir $ALGORITHM_OUTPUT/closed && id > $ALGORITHM_OUTPUT/closed/x || exit 8
    """
    given = task(place.s3, "finds-all", script)
    inputs = [*given["inputs"], an_input("deep", "a/b/deep")]
    result = own.post({**given, "inputs": inputs}).json()
    assert (result["reason"], result["progress"]["fraction"]) == ("ok", 0.5)
    assert place.s3.get(OUTPUTS, "finds-all/inner/x") == b"task task\n"
    assert b"groups=" in (place.s3.get(OUTPUTS, "finds-all/closed/x") or b"")


@AS_ROOT
def test_fixed_folders_and_writable_ones_are_open_to_its_own_user(place: Place) -> None:
    inputs, shared = place.folder / "in", place.folder / "shared"
    outputs = Path(tempfile.gettempdir()) / f"ls-out-{os.getpid()}"  # where what a task leaves is removed
    with place.server(
        ALGORITHM_LINKED_INPUT_PARENT=place.folder / "links",
        ALGORITHM_INPUT_PATH=inputs,
        ALGORITHM_OUTPUT_PATH=outputs,
        ALGORITHM_WRITABLE_DIRECTORIES=shared,
    ) as server:
        script = f"cat '{inputs}/program.sh' > '{outputs}/x' && id -u > '{shared}/'$$"
        users = []
        for name in ("fixed-1", "fixed-2"):
            assert place.run(server, name, script)["reason"] == "ok"
            assert place.output(name) == script
        users = [path.read_text() for path in shared.iterdir()]
        assert len(set(users)) == 2


@AS_ROOT
def test_a_web_program_has_its_own_user_too(place: Place) -> None:
    serve_all = "import sys; sys.path.insert(0, sys.argv[2]); from web_server import serve\n"
    serve_all += "import os, pathlib; out = pathlib.Path(os.environ['ALGORITHM_OUTPUT'])\n"
    serve_all += "serve(lambda: 200, lambda: 201 if (out / 'x').write_text(str(os.getuid())) else 500)"
    port = free_port()
    argv = [str(Path(sys.executable).resolve()), "-c", serve_all, str(port), str(place.folder / "programs")]
    with place.server(
        ALGORITHM_COMMAND=json.dumps(argv),
        ALGORITHM_API_METHOD="invoke",
        ALGORITHM_WEBSERVER_PORT=port,
        ALGORITHM_INPUT_PATH=place.folder / "web-in",
        ALGORITHM_OUTPUT_PATH=place.folder / "web-out",
    ) as server:
        for name in ("web-1", "web-2"):
            assert place.run(server, name, "")["reason"] == "ok"
        assert place.output("web-1") == place.output("web-2") != "0"
        (program,) = server.pids("web_server")
    assert not runs(program)


@AS_ROOT
@pytest.mark.parametrize(("user", "uid"), [("root", "0"), ("0:0", "0"), (str(SOMEBODY), str(SOMEBODY))])
def test_a_user_that_is_named_is_the_programs(place: Place, user: str, uid: str) -> None:
    with place.server(ALGORITHM_USER=user) as server:
        assert place.run(server, f"named-{user}", "id -u > $ALGORITHM_OUTPUT/x")["reason"] == "ok"
        assert place.output(f"named-{user}").strip() == uid
        assert any("tasks share one user: ALGORITHM_USER" in line["message"] for line in server.log())


@AS_ROOT
@pytest.mark.parametrize(
    ("user", "at_once", "keeps"), [(f"{SOMEBODY}:{SOMEBODY}", 2, True), ("nobody", 1, False)]
)
def test_a_user_that_is_named_lends_its_group_where_it_cannot_be_the_programs(
    place: Place, user: str, at_once: int, keeps: bool
) -> None:
    """Of several tasks at once each has a user of its own, and none is that of nginx."""
    name = f"lends-{at_once}"
    with place.server(ALGORITHM_USER=user, ALGORITHM_CONCURRENCY=at_once) as server:
        assert place.run(server, name, "id -u; id -u > $ALGORITHM_OUTPUT/x; id -g >> $ALGORITHM_OUTPUT/x")
    uid, gid = place.output(name).split()
    assert int(uid) not in (0, SOMEBODY, 65534)
    assert gid == (str(SOMEBODY) if keeps else uid)


@AS_ROOT
def test_a_program_with_a_memory_limit_is_contained_as_well(place: Place) -> None:
    script = "id -u > $ALGORITHM_OUTPUT/x; grep NoNewPrivs /proc/self/status >> $ALGORITHM_OUTPUT/x"
    with place.server(ALGORITHM_MAX_MEMORY_MB=500) as server:
        assert place.run(server, "limited", script)["reason"] == "ok"
    uid, no_new_privs = place.output("limited").split("\n", 1)
    assert (int(uid) > 0, no_new_privs) == (True, "NoNewPrivs:\t1\n")


@AS_ROOT
def test_a_tasks_user_may_have_fewer_processes_than_the_container() -> None:
    code = """
    import resource
    from longshore_runtime import machine
    from longshore_runtime.runners.algorithm.program.containment import _limit_processes
    _limit_processes(2)
    print(*resource.getrlimit(resource.RLIMIT_NPROC), machine.processes())
    """
    soft, hard, most = map(int, in_python(code).split())
    assert 0 < soft == hard <= most // 2


# Faults that the user of its own may cause


@AS_ROOT
def test_what_the_own_user_may_not_do_is_told_with_the_way_out(place: Place, own: Server) -> None:
    closed = place.folder / "closed"
    closed.mkdir(mode=0o700)
    for name, script in {"denied": f"ls '{closed}'; exit 2", "code-126": f"'{closed}/x'"}.items():
        result = place.run(own, name, script)
        assert result["reason"] == "exit"
        assert "ALGORITHM_USER=root runs the program as root" in result["user_safe_error_message"]
    assert "ALGORITHM_USER" not in place.run(own, "other-fault", "exit 2")["user_safe_error_message"]


@AS_ROOT
def test_a_program_that_its_own_user_may_not_run_is_refused_at_the_start(place: Place) -> None:
    folder = place.made("closed-folder")
    shutil.copy("/bin/true", folder / "program")
    folder.chmod(0o700)
    refused = place.server(ALGORITHM_COMMAND=json.dumps([str(folder / "program")]))
    refused._wait = False
    with refused as server:
        assert server.wait_exit() == 3
        (line,) = (line for line in server.stderr.splitlines() if not line.startswith("{"))
    assert line.startswith(f"ALGORITHM_COMMAND: {folder}/program may not be run by the users that tasks run")
    assert "ALGORITHM_USER=root" in line


@pytest.mark.parametrize("variable", ["ALGORITHM_INPUT_PATH", "ALGORITHM_OUTPUT_PATH", "ALGORITHM_WORK_DIR"])
def test_a_folder_that_no_task_could_use_is_refused_at_the_start(
    place: Place, way: str, variable: str
) -> None:
    folder = (
        Path("/dev/null/x")
        if way in ("one user", "no capabilities")
        else place.folder / f"refused-{variable}-{way}"
    )
    if folder.parent == place.folder:
        folder.mkdir()
        folder.chmod(0o700 if os.geteuid() == 0 else 0o500)  # root's, or ours
    refused = place.server(way, ALGORITHM_USE_LINKED_INPUT="false", **{variable: folder})
    refused._wait = False
    with refused as server:
        assert server.wait_exit() == 3
        said = server.stderr.splitlines()  # and nginx may say that it may not become another user
    assert any(line.startswith(f"{variable}: {folder} cannot be ") for line in said)


def test_an_output_path_alone_leaves_the_inputs_where_they_are(place: Place, way: str) -> None:
    outputs = place.made(f"outputs-{way}")
    with place.server(way, ALGORITHM_OUTPUT_PATH=outputs) as server:
        script = f"[ -d '{outputs}' ] && dirname $ALGORITHM_INPUT > \"$ALGORITHM_OUTPUT/x\""
        assert place.run(server, f"alone-{way}", script)["reason"] == "ok"
        assert Path(place.output(f"alone-{way}").strip()).parent == server.variables["ALGORITHM_WORK_DIR"]


def test_workers_are_tasks_at_once_and_the_log_says_so(own: Server) -> None:
    said = [line["message"] for line in own.log()]
    assert "MODEL_SERVER_WORKERS is 2: the algorithm runner is one process, and runs 2 tasks at once" in said
