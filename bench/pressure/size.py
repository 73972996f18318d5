"""Memory under pressure: a large model in several workers, large bodies at once, and many requests."""

from __future__ import annotations

import http.client
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bench import BenchError, load, memory
from bench.load import CSV, JSON
from bench.measure import ROW_SUM, say
from bench.pressure.results import Bodies, Results
from bench.servers import CLASSIC, Server, running, tail

LARGE = "large"
HOLDS = "holds"
COPIES_WORKERS = 4
BODIES_WORKERS = 2
CONNECTIONS = 8
BODY_ROWS, BODY_COLUMNS = 1000, 12_500  # of 8 bytes: 100 MB
_LOOK_SECONDS = 0.01
_AGAIN_SECONDS = 0.2


def copies(results: Results, folder: Path) -> None:
    """Fill results.memory with a large model and with none to speak of, after a second of load."""
    for name in (CLASSIC, results.default_class):
        for model in (ROW_SUM, LARGE):
            with running(name, model, COPIES_WORKERS) as server:
                load.check_answer(server, CSV)
                load.put(server, CSV, 4 * COPIES_WORKERS, 2, folder)  # the classic one loads with a request
                used = memory.of_tree(server.pid).pss_mb
            say(f"{model}, {name}, {COPIES_WORKERS} workers: {used:.0f} MB")
            results.memory[name][model].append(used)


def bodies(results: Results, times: int) -> None:
    """Fill results.bodies: each of the connections sends the body so many times."""
    array = np.ones((BODY_ROWS, BODY_COLUMNS))
    buffer = io.BytesIO()
    np.save(buffer, array)
    body = buffer.getbuffer()
    with running(results.default_class, HOLDS, BODIES_WORKERS) as server:
        time.sleep(1)  # both workers have loaded
        idle = memory.of_tree(server.pid).pss_mb
        done = threading.Event()
        with ThreadPoolExecutor(CONNECTIONS + 1) as pool:
            peak = pool.submit(_peak, server, done)
            try:
                sent = [pool.submit(_send, server, body, times) for _ in range(CONNECTIONS)]
                refused = sum(future.result() for future in sent)
            finally:
                done.set()
            seen = Bodies(CONNECTIONS, body.nbytes / 1e6, idle, peak.result(), CONNECTIONS * times, refused)
    say(f"bodies: {seen}, {seen.share:.2f} times what is in flight")
    results.bodies.append(seen)


def _peak(server: Server, done: threading.Event) -> float:
    most = 0.0
    while not done.wait(_LOOK_SECONDS):
        most = max(most, memory.of_tree(server.pid).pss_mb)
    return most


def _send(server: Server, body: memoryview, times: int) -> int:
    """Have the body answered so many times; how often it was refused, and sent again, meanwhile."""
    refused = 0
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Content-Type": "application/x-npy", "Accept": "application/x-npy"}
    while times:
        connection.request("POST", "/invocations", body, headers)
        response = connection.getresponse()
        status, answer = response.status, response.read()
        if status == 503:
            refused += 1
            time.sleep(_AGAIN_SECONDS)
            continue
        if status != 200 or np.load(io.BytesIO(answer)).tolist() != [BODY_COLUMNS] * BODY_ROWS:
            raise BenchError(f"a large body: {status} {answer[:200]!r}\n{tail(server.log)}")
        times -= 1
    connection.close()
    return refused


def long_run(results: Results, requests: int, seconds: int, folder: Path) -> None:
    """Fill results.long: the memory after warming up, and after each so many seconds of load."""
    with running(results.default_class, ROW_SUM, 2) as server:
        done = 0
        for body in (CSV, JSON):
            load.check_answer(server, body)
            done += load.put(server, body, 64, seconds, folder).requests
        first = done
        results.long.append((0, memory.of_tree(server.pid).pss_mb))
        while done - first < requests:
            done += load.put(server, CSV, 64, seconds, folder).requests
            results.long.append((done - first, memory.of_tree(server.pid).pss_mb))
            say(f"after {done - first:,} requests: {results.long[-1][1]:.1f} MB")
