"""Objects fetched and stored, by all in turns, against one server.

What was moved is looked at after each transfer, every byte of it, and then emptied and synced: what the
kernel still has to write would else be charged to whoever comes next. Emptied and not removed, because
ext4 does not use the inode of a removed file again for some minutes, and passes over each such inode for
every file it makes: 2,000 files take 0.9 s then, and 0.04 s else.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import BenchError
from bench.algorithm.contestants import Contestant
from bench.algorithm.jobs import SOURCE, TARGET, TINY, VERBS, Job, Objects
from bench.algorithm.results import Case, Results, Start
from bench.algorithm.running import Run, run
from bench.algorithm.server import LastingServer

_PIECE = 16 * 1024 * 1024
_STARTS = 3  # a round


class Transfers:
    """The sets of objects on both sides, made before the server is started; and all transfers of them."""

    def __init__(self, server: LastingServer, folder: Path, objects: Sequence[Objects]) -> None:
        self._server = server
        self._home = folder / "home"  # of the programs, so that they find nobody's settings
        self._home.mkdir()
        self._sources = folder / "sources"
        self._targets = folder / "targets"
        self._targets.mkdir()
        self._digests: dict[str, str] = {}
        for bucket in (SOURCE, TARGET):
            (server.folder / bucket).mkdir(parents=True)
        for each in (TINY, *objects):
            self._make(each)

    def measure(self, results: Results, contestants: Sequence[Contestant], rounds: int) -> None:
        """Fill results with starts and runs. The server must run."""
        self._server.learn(SOURCE)
        for number in range(rounds):
            _say(f"round {number + 1} of {rounds}")
            first = number * len(contestants) // rounds  # nobody comes first, or after the same, each time
            turns = [*contestants[first:], *contestants[:first]]
            for contestant in turns:
                if contestant.nothing is not None:
                    self._starts(contestant, results)
            for verb in VERBS:
                for objects in results.objects:
                    for contestant in turns:
                        took = self._transfer(contestant, verb, objects)
                        by_name = results.runs.setdefault(Case(verb, objects.name), {})
                        by_name.setdefault(contestant.name, []).append(took)
                        call = "" if took.call_seconds is None else f", the call {took.call_seconds:.2f} s"
                        _say(
                            f"{verb} {objects.name}, {contestant.name}: {took.seconds:.2f} s{call},"
                            f" CPU {took.cpu_seconds:.2f} s, {took.peak_mb:.0f} MB"
                        )
        for by_name in results.runs.values():  # in the order in which the page has them
            order = [contestant.name for contestant in contestants]
            sorted_runs = sorted(by_name.items(), key=lambda item: order.index(item[0]))
            by_name.clear()
            by_name.update(sorted_runs)

    def _starts(self, contestant: Contestant, results: Results) -> None:
        """Start it several times, after one that is thrown away: that fills the disk cache."""
        assert contestant.nothing is not None
        start = results.starts.setdefault(contestant.name, Start())
        self._transfer(contestant, "fetch", TINY)
        for _ in range(_STARTS):
            start.nothing.append(self._run(contestant, contestant.nothing).seconds)
            for verb in VERBS:
                start.tiny[verb].append(self._transfer(contestant, verb, TINY).seconds)

    def _transfer(self, contestant: Contestant, verb: str, objects: Objects) -> Run:
        """One transfer, looked at and emptied. Raises BenchError where it is not right."""
        local = Path(tempfile.mkdtemp(dir=self._targets))
        # A prefix of its own: the server does not learn that the last one was removed.
        remote = self._server.folder / TARGET / local.name
        if verb == "store":
            job = objects.stored(self._sources / objects.name, TARGET, f"{local.name}/")
            there = remote / objects.name
        else:
            job, there = objects.fetched(local), local
        took = self._run(contestant, contestant.command(job))
        if _digest(there, job) != self._digests[objects.name]:
            raise BenchError(f"{contestant.name} did not {verb} {objects.words} right: look into {there}")
        for file in there.iterdir():
            os.truncate(file, 0)
        os.sync()
        return took

    def _run(self, contestant: Contestant, command: Sequence[str]) -> Run:
        own = {"HOME": str(self._home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        environ = own | self._server.environment() | dict(contestant.environ)
        return run(command, environ, self._home)

    def _make(self, objects: Objects) -> None:
        """Write the set's files, twice: as the server's objects, and as what is stored."""
        remote = self._server.folder / SOURCE / objects.name
        remote.mkdir()
        job = objects.fetched(remote)
        for name in job.names:
            with (remote / name).open("wb") as file:
                for begin in range(0, objects.size, _PIECE):
                    file.write(os.urandom(min(_PIECE, objects.size - begin)))
        shutil.copytree(remote, self._sources / objects.name)
        self._digests[objects.name] = _digest(remote, job)
        os.sync()


def _digest(folder: Path, job: Job) -> str:
    """One hash over the files of a folder. BenchError where they are not as many as the job has."""
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if found != job.names:
        raise BenchError(f"{folder} has {len(found)} files, and not the {job.count} it should have.")
    whole = hashlib.sha256()
    for name in found:
        with (folder / name).open("rb") as file:
            one = hashlib.file_digest(file, "sha256")
        whole.update(f"{name} {(folder / name).stat().st_size} {one.hexdigest()}\n".encode())
    return whole.hexdigest()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
