"""What the emulator and the checker ask of an engine, whichever runs the containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from longshore.errors import UserError

# An image of this form is a project's folder, which the host engine runs: host:/home/me/project
HOST_PREFIX = "host:"


class NoAnswer(UserError):
    """The engine does not answer, or no longer: what runs in it is out of reach."""


@dataclass(frozen=True)
class Image:
    """What is known of an image before it runs. A checkout has neither layers nor an architecture.

    entrypoint, command: as in its configuration, exec form; None where it has none. entrypoint_is_shell:
    whether the entrypoint is run by a shell, which keeps signals to itself. size: bytes, None where unknown.
    manifest: the media type of what a push would send, None where unknown (F4, F5).
    """

    name: str
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None
    entrypoint_is_shell: bool = False
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    architecture: str | None = None
    operating_system: str | None = None
    size: int | None = None
    manifest: str | None = None


@dataclass(frozen=True)
class Mount:
    """A folder of this machine, and where the container sees it: an absolute path, usually below /opt/ml."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class Container:
    """What is to run.

    image: a name Docker knows, or host:PATH. arguments: what follows the image in `docker run` (A1, D1, E1).
    entrypoint: replaces the image's. mounts: /opt/ml and what lies elsewhere; a mount within another is
    laid over it. port: the one it listens on, published on 127.0.0.1; None for none. network: a name for one
    that containers share under their host names (B5, D4). isolated: whether it reaches nothing but who shares
    its network (A5). user: as in `docker run --user`; '' for the image's own. memory_mb: its limit; None for
    none. owner: who cleans it up.
    """

    image: str
    arguments: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    port: int | None = None
    network: str | None = None
    isolated: bool = False
    host_name: str | None = None
    user: str = ""
    memory_mb: int | None = None
    read_only_root: bool = False
    owner: str = ""


class Line(NamedTuple):
    """A line a container wrote. when: seconds since the epoch; text: without the line's end."""

    when: float
    stream: Literal["stdout", "stderr"]
    text: str


class Gateway(NamedTuple):
    """How containers that are not isolated reach this machine.

    address: an IP address of this machine. admits: whether who comes from an address may be one of them.
    """

    address: str
    admits: Callable[[str], bool]


class Running(Protocol):
    """A container that was started, until remove(). Where its engine has stopped answering it is lost, and
    all but name, address and remove() raise NoAnswer.
    """

    @property
    def name(self) -> str:
        """Unique among all that run: a container's name, or a process group's."""

    @property
    def address(self) -> tuple[str, int] | None:
        """Where its port answers on this machine, also from before it listens; None where it has none."""

    def exit_code(self) -> int | None:
        """Its exit code (128 + the signal's number for a signal); None while it runs."""

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait until it ends, at most so long; its exit code, None where it still runs."""

    def signal(self, number: int) -> None:
        """Send its first process a signal; nothing where it has ended."""

    def stop(self, grace: float, number: int = 15) -> int:
        """The signal, and SIGKILL to all of it after so many seconds (A3, D8); its exit code."""

    def lines(self) -> Iterator[Line]:
        """All it writes, from its start, as it comes; ends when it has ended. May be asked for once more."""

    def pids(self) -> list[int]:
        """Its processes by their numbers on this machine, the first one first; empty where it has ended."""

    def memory_bytes(self) -> int | None:
        """What it occupies now; None where that cannot be told."""

    def out_of_memory(self) -> bool:
        """Whether it ended because it reached its memory limit."""

    def remove(self) -> None:
        """End what still runs of it and take it away, port and all; nothing where that has been done.

        Where the engine does not answer that is done when it does again, as long as this process lives.
        """


class Engine(Protocol):
    """Starts containers. Errors are UserErrors that say what is missing and what to do."""

    @property
    def name(self) -> str:
        """'docker' or 'host'."""

    def image(self, name: str) -> Image:
        """What is known of an image; UserError where there is none of this name."""

    def start(self, container: Container) -> Running:
        """Start it; UserError where it cannot be. It may end at any time after, by itself."""

    def gateway(self, owner: str) -> Gateway | None:
        """How its owner's containers reach this machine, those started from now on; None where they share
        its loopback. UserError where they cannot.
        """

    def clean(self, owner: str) -> list[str]:
        """Remove all that is an owner's; the names of what was removed."""


Choose = Callable[[str], Engine]  # the engine for an image's name: see choose.py
