"""Starts processes in predict, by every way that Python has."""

import concurrent.futures
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

FORK = multiprocessing.get_context("fork")


def square(number):
    return number * number


def sleep(path=None):
    if path is not None:
        Path(path).write_text(str(os.getpid()))
    while True:
        time.sleep(1)


def add_squares(queue, numbers):
    queue.put(sum(map(square, numbers)))


def load(model_dir):
    return Path(model_dir)


def pool(model):
    with FORK.Pool(3) as started:
        return started.map(square, [1, 2, 3])


def executor(model):
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=FORK) as started:
        return list(started.map(square, [1, 2, 3]))


def spawned(model):
    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn")
    ) as started:
        return list(started.map(square, [1, 2, 3]))


def queue(model):
    results = FORK.Queue()
    child = FORK.Process(target=add_squares, args=(results, [1, 2, 3]))
    child.start()
    total = results.get()
    child.join()
    return [total, child.exitcode]


def large(model):
    """More than a pipe holds, both ways at once."""
    with FORK.Pool(1) as started:
        return [len(part) for part in started.map(bytes.upper, [b"x" * 3_000_000] * 2)]


def terminated(model):
    codes = []
    for _ in range(20):  # at once, so that some have hardly begun
        child = FORK.Process(target=sleep)
        child.start()
        child.terminate()
        child.join()
        codes.append(child.exitcode)
    return sorted(set(codes))


def shell(model):
    return subprocess.run(["sh", "-c", "echo $((1 + 1))"], capture_output=True, text=True).stdout.strip()


def with_preexec(model):
    blocked = "import signal; print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))"
    command = [sys.executable, "-c", blocked]
    return subprocess.run(command, capture_output=True, text=True, preexec_fn=os.setsid).stdout.strip()


def fork_and_exec(model):
    child = os.fork()
    if child == 0:
        os.execv("/bin/sh", ["sh", "-c", "exit 7"])
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def handlers(model):
    """What a child has of the worker's signal handling."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        left = [name for name in signal.Signals if "gunicorn" in str(signal.getsignal(name))]
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        os.write(writing, f"{left} {sorted(masked)} {signal.set_wakeup_fd(-1)}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(reading, 1000).decode()


def comes_back(model):
    if os.fork() == 0:
        return "the child's"
    return "the parent's"


def fails_in_child(model):
    if os.fork() == 0:
        raise RuntimeError("of the child")
    return "the parent's"


def stays(model):
    FORK.Process(target=sleep, args=(str(model / "stays"),)).start()
    while not (model / "stays").exists() or not (model / "stays").read_text():
        time.sleep(0.01)
    return int((model / "stays").read_text())


def dies(model):
    os.kill(os.getpid(), signal.SIGKILL)


def in_a_thread(model):
    found = []
    thread = threading.Thread(target=lambda: found.append(pool(model)))
    thread.start()
    thread.join()
    return found[0]


def decode(body, content_type):
    if json.loads(body)["how"] == "in_decode" and os.fork() == 0:
        raise RuntimeError("of the child")
    return NotImplemented


def in_decode(model):
    return "the parent's"


def predict(model, data):
    return globals()[data["how"]](model)
