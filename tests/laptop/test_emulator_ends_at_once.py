"""SIGTERM ends the emulator whatever it copies, and whatever its clients do."""

from __future__ import annotations

import contextlib
import os
import socket
import tarfile
import threading
import zlib
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tests.support.emulator import EmulatorProcess
from tests.support.hosting import Hosting
from tests.support.jobs import channel, train
from tests.support.server import wait_until

ENDLESS = 16 << 30  # bytes: more than is copied while a test waits


def bomb() -> bytes:
    """A tar.gz of one file, endless zeros: one compressed piece, repeated."""
    size = 16 << 20
    member = tarfile.TarInfo("weights")
    member.size = ENDLESS
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(member.tobuf(tarfile.GNU_FORMAT)) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(size)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + head + piece * (ENDLESS // size)


class Running:
    """What an emulator with its files in a folder copies."""

    def __init__(self, folder: Path, emulator: EmulatorProcess) -> None:
        self._folder = folder
        self._emulator = emulator

    def files(self, pattern: str) -> list[Path]:
        return list(self._folder.glob(f"longshore-emulators-*/*/{pattern}"))

    def make_endless(self, bucket: str, key: str) -> None:
        """An object with as much in it, as a sparse file."""
        marked = os.urandom(300_001)
        self._emulator.put(bucket, **{key: marked})
        (content,) = [path for path in self.files("objects/*") if path.stat().st_size == len(marked)]
        os.truncate(content, ENDLESS)

    def wait(self, pattern: str) -> None:
        """Wait until a file of this pattern grows."""

        def grows() -> bool:
            return any(path.is_file() and path.stat().st_size > 1000 for path in self.files(pattern))

        wait_until(grows, f"{pattern} is written", seen=lambda: self._emulator.log)


def test_a_copy_of_any_size_is_broken_off(tmp_path: Path) -> None:
    """Models that are unpacked, for an endpoint and at an invocation; a job's inputs, and its output."""
    emulator = EmulatorProcess(tmp_path)
    running = Running(tmp_path, emulator)
    hosting = Hosting(emulator)
    emulator.put("models", bomb=bomb())
    multi_model = hosting.endpoint("holds_models", ModelDataUrl="s3://models/", Mode="MultiModel")
    sparse = f"import os; os.truncate(os.open('/opt/ml/model/w', os.O_CREAT | os.O_WRONLY), {ENDLESS})"
    train(emulator, "leaves", "fails.py", AlgorithmSpecification=script(tmp_path, sparse))
    running.wait("training-job-*/tmp*")
    running.make_endless("inputs", "data/object")
    train(emulator, "reads", "fails.py", InputDataConfig=[channel("data", "s3://inputs/data/")])
    running.wait("training-job-*/*/ml/input/data/data/object")
    hosting.create(hosting.config({"ModelName": hosting.model(ModelDataUrl="s3://models/bomb")}))
    running.wait("instances/*/*/model/weights")
    threading.Thread(target=invoke, args=(hosting, multi_model), daemon=True).start()
    running.wait("instances/*/*/models/*/model/weights")
    emulator.close()
    assert running.files("*") == []


def invoke(hosting: Hosting, name: str) -> None:
    with contextlib.suppress(BotoCoreError, ClientError):  # the emulator ends
        hosting.invoke(name, "x", TargetModel="bomb")


def script(folder: Path, code: str) -> dict[str, str]:
    program = folder / "train.py"
    program.write_text(f"#!/usr/bin/env python3\n{code}\n")
    program.chmod(0o755)
    return {"TrainingImage": f"host:{program}"}


def test_a_client_that_stops_to_read_or_to_send_does_not_hold_up_the_end(tmp_path: Path) -> None:
    emulator = EmulatorProcess(tmp_path)
    running = Running(tmp_path, emulator)
    running.make_endless("any", "object")
    get = emulator.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": "any", "Key": "object"}
    )
    port = int(emulator.address.rpartition(":")[2])
    head = f"HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    with (
        socket.create_connection(("127.0.0.1", port)) as reads,
        socket.create_connection(("127.0.0.1", port)) as sends,
    ):
        reads.sendall(f"GET {get.removeprefix(emulator.address)} {head}\r\n".encode())
        assert reads.recv(12) == b"HTTP/1.1 200"
        sends.sendall(f"PUT /any/other {head}Content-Length: 1000000\r\n\r\n".encode() + bytes(300_000))
        running.wait("incoming/*")
        emulator.close()
