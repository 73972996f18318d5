"""Runs a checkout, or any program, as processes of this machine: for laptops without Docker, and for tests.

What a container would see is made as far as this machine allows. Where a mount namespace can be made the
program has its /opt/ml, read-only where it should be; elsewhere only ML_ROOT says where that is, and folders
within it are links. It sees this machine's other files either way: an engine for one's own programs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL, SIGTERM

from longshore.engines import launch, memory, processes, python_environment
from longshore.engines.base import Container, Image, Line, Mount
from longshore.engines.checkout import Programs
from longshore.engines.checkout import programs as programs_of
from longshore.engines.checkout import user as user_of
from longshore.engines.host_names import HostNames
from longshore.engines.launch import ML_ROOT
from longshore.engines.ports import Port
from longshore.engines.spool import Spool
from longshore.errors import UserError

log = logging.getLogger(__name__)


class HostEngine:
    """The engine 'host'. Linux only: what is of a program can be told by /proc alone."""

    name = "host"

    def __init__(self, namespaces: bool | None = None) -> None:
        """namespaces: whether to make mount namespaces; None for wherever that can be done."""
        self._checking = threading.Lock()
        self._namespaces = namespaces
        self._names = HostNames()

    def image(self, name: str) -> Image:
        """The checkout's; UserError where the path has nothing to run."""
        programs = programs_of(name)
        return Image(
            name, programs.entrypoint or ("/usr/bin/env", "--"), None if programs.entrypoint else ("serve",)
        )

    def has_namespaces(self) -> bool:
        """Whether programs see their own /opt/ml. Tried once."""
        with self._checking:
            if self._namespaces is None:
                with tempfile.TemporaryDirectory() as folder:
                    wanted = launch.wanted(namespace=True, mounts=[(folder, ML_ROOT, True)])
                    self._namespaces = launch.enter(wanted, subprocess.DEVNULL).wait() == 0
            return self._namespaces

    def start(self, container: Container) -> HostProgram:
        """UserError where it cannot be run, and where it asks for what cannot be had without a container."""
        programs = programs_of(container.image)
        namespaces = self.has_namespaces()
        if container.read_only_root and not namespaces:
            raise UserError(
                container.image, "its root cannot be made read-only here.", "Run it as an image, or as root."
            )
        return HostProgram(container, programs, self._names if namespaces else None)

    def gateway(self, owner: str) -> None:
        """None: its programs share this machine's loopback, whoever owns them."""

    def clean(self, owner: str) -> list[str]:
        """Processes by a mark in their environment, then folders and memory limits by their names."""
        killed = processes.kill_owned(owner)
        memory.remove_all(_prefix(owner))
        for folder in Path(tempfile.gettempdir()).glob(f"{_prefix(owner)}*"):
            shutil.rmtree(folder, ignore_errors=True)
        return killed


class HostProgram:
    """A program that was started, until remove(). Thread-safe."""

    def __init__(self, container: Container, programs: Programs, names: HostNames | None) -> None:
        """names: None where no namespace can be made."""
        self._image = container.image
        self._names = names
        self._network: str | None = None
        self._code: int | None = None
        self._out_of_memory = False
        self._ended = threading.Event()
        self._removing = threading.Lock()
        self._reaping = threading.Lock()  # so that no signal goes to who got its number
        self._links: list[Path] = []
        self._limit: memory.MemoryLimit | None = None
        self._port: Port | None = None
        user = user_of(container)
        # Short, because the paths of unix sockets must be.
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_prefix(container.owner)}"))
        self.name = self._folder.name
        try:
            self._port = None if container.port is None else Port()
            self._limit = self._memory_limit(container)
            self._popen = self._start(container, programs, user)
        except BaseException:
            self._take_away()
            raise
        self.pid = self._popen.pid
        assert self._popen.stdout is not None and self._popen.stderr is not None
        self._spool = Spool(self._folder, self._popen.stdout, self._popen.stderr)
        threading.Thread(target=self._wait, name=f"wait-{self.name}", daemon=True).start()

    @property
    def address(self) -> tuple[str, int] | None:
        return None if self._port is None else ("127.0.0.1", self._port.number)

    def exit_code(self) -> int | None:
        return self._code if self._ended.is_set() else None

    def wait(self, seconds: float | None = None) -> int | None:
        self._ended.wait(seconds)
        return self.exit_code()

    def signal(self, number: int) -> None:
        # Not by Popen: it looks first whether the process has ended, and takes its exit code from _wait then.
        with self._reaping, contextlib.suppress(ProcessLookupError, PermissionError):
            if not self._ended.is_set():
                os.kill(self.pid, number)

    def stop(self, grace: float, number: int = SIGTERM) -> int:
        self.signal(number)
        if self.wait(grace) is None:
            processes.kill(self.pid, self.name)
            self._ended.wait()
        assert self._code is not None
        return self._code

    def lines(self) -> Iterator[Line]:
        return self._spool.lines()

    def pids(self) -> list[int]:
        if self._ended.is_set():
            return []
        found = processes.living(f"{processes.CONTAINER}={self.name}", {self.pid})
        return sorted(found, key=lambda pid: (pid != self.pid, pid))

    def memory_bytes(self) -> int | None:
        if self._ended.is_set():
            return None
        if self._limit is not None:
            return self._limit.bytes()
        return processes.memory(self.pid, self.name)

    def out_of_memory(self) -> bool:
        return self._ended.is_set() and self._code != 0 and self._out_of_memory

    def remove(self) -> None:
        self.stop(0, SIGKILL)
        with self._removing:
            self._take_away()

    def _memory_limit(self, container: Container) -> memory.MemoryLimit | None:
        if container.memory_mb is None:
            return None
        limit = memory.limit(self.name, container.memory_mb)
        if limit is None:
            log.warning("%s runs without its memory limit: no cgroup can be made here", container.image)
        return limit

    def _start(
        self,
        container: Container,
        programs: Programs,
        user: tuple[int, int, list[int]] | None,
    ) -> subprocess.Popen[bytes]:
        temporary, home = self._folder / "t", self._folder / "h"
        for folder in (temporary, home):
            folder.mkdir(mode=0o711)
            if user is not None:
                os.chown(folder, user[0], user[1])
        self._folder.chmod(0o711)
        mounts = sorted(container.mounts, key=lambda mount: Path(mount.target).parts)
        ml_root = next((mount for mount in mounts if mount.target == ML_ROOT), None)
        entrypoint = programs.entrypoint if container.entrypoint is None else container.entrypoint
        arguments = container.arguments
        if not arguments and container.entrypoint is None and not programs.entrypoint:
            arguments = ("serve",)
        argv = [*entrypoint, *arguments]
        python = python_environment.make_for(programs, argv, self._folder / "v")
        if python is not None and user is not None:
            python_environment.give_to(python, user[0], user[1])
        environment = {
            "PATH": python_environment.search_path(programs, python),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TMPDIR": str(temporary),
            **({} if python is None else {"VIRTUAL_ENV": str(python.folder)}),
            **({} if container.host_name is None else {"HOSTNAME": container.host_name}),
            **({} if ml_root is None else {"ML_ROOT": str(ml_root.source)}),
            **container.environment,
            **({} if self._port is None else {"SAGEMAKER_BIND_TO_PORT": str(self._port.number)}),
            processes.OWNER: container.owner,
            processes.CONTAINER: self.name,
        }
        layers: list[tuple[str, str, bool]] = []
        if self._names is None:
            self._link(mounts, ml_root)
        else:
            layers = [*self._own_files(container, python), *launch.layers(mounts, ml_root)]
        wanted = launch.wanted(
            argv=argv if python is None else python.command(argv, environment["PATH"]),
            folder=str(programs.folder),
            environment=environment,
            cgroup=[] if self._limit is None else [str(self._limit.joined_by)],
            namespace=self._names is not None,
            host_name=container.host_name,
            # This machine's loopback is where its port is asked for, and where those of one network meet.
            network=not container.isolated or container.network is not None or container.port is not None,
            mounts=layers,
            writable=[str(temporary), str(home)],
            read_only_root=container.read_only_root,
            user=user,
        )
        return launch.enter(wanted, subprocess.PIPE, container.image, environment)

    def _own_files(
        self, container: Container, python: python_environment.Environment | None
    ) -> Iterator[tuple[str, str, bool]]:
        """What it sees of this machine in another way: names of hosts; its parent's packages, read-only."""
        if python is not None and python.parent.virtualenv is not None:
            virtualenv = str(python.parent.virtualenv.resolve())
            yield virtualenv, virtualenv, True
        if container.host_name is not None and self._names is not None:
            prefix = _prefix(container.owner)
            network = f"{prefix}{container.network}" if container.network else self.name
            yield from self._names.join(network, container.host_name, prefix)
            self._network = network

    def _link(self, mounts: list[Mount], ml_root: Mount | None) -> None:
        for mount in mounts:
            if mount is ml_root:
                continue
            if ml_root is None or not mount.target.startswith(f"{ML_ROOT}/"):
                raise UserError(
                    f"{self._image}: {mount.target}",
                    "a folder cannot be shown there without a mount namespace.",
                    "Run it as an image, or as root.",
                )
            link = ml_root.source / mount.target.removeprefix(f"{ML_ROOT}/")
            if link.exists() and link.samefile(mount.source):
                continue  # it lies there anyway; only that it were read-only cannot be had
            link.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # an empty folder, where it would be mounted
                link.rmdir()
            link.symlink_to(mount.source.resolve())
            self._links.append(link)

    def _wait(self) -> None:
        # It stays a zombie until all else is ended: so nobody else can get its number meanwhile.
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        code = ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status
        processes.kill(self.pid, self.name)
        self._spool.close()
        self._out_of_memory = self._limit is not None and self._limit.exceeded()
        self._code = code
        with self._reaping:
            self._popen.wait()
            self._ended.set()

    def _take_away(self) -> None:
        if self._port is not None:
            self._port.close()
        if self._limit is not None:
            self._limit.remove()
        for link in self._links:
            with contextlib.suppress(OSError):
                link.unlink()
        if self._names is not None and self._network is not None:
            self._names.leave(self._network)
            self._network = None
        shutil.rmtree(self._folder, ignore_errors=True)


def _prefix(owner: str) -> str:
    """How the names of all that is this owner's begin."""
    kept = "".join(letter if letter.isalnum() else "_" for letter in owner)
    return f"ls-{kept or secrets.token_hex(2)}-"
