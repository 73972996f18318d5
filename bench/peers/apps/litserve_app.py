"""The batched model on LitServe: `python -m bench.peers.apps.litserve_app PORT`."""

from __future__ import annotations

import sys
from typing import Any

import litserve

from bench.peers import cost

MAX_BATCH_SIZE, BATCH_TIMEOUT = 32, 0.001


class Priced(litserve.LitAPI):
    def setup(self, device: str) -> None:
        pass

    # LitServe takes an annotation for what the body must be.
    def decode_request(self, request):  # type: ignore[no-untyped-def]
        return request["instances"][0]

    def batch(self, inputs: list[Any]) -> list[Any]:
        return inputs

    def predict(self, rows: list[Any]) -> list[float]:
        return cost.predict(rows)

    def unbatch(self, output: list[float]) -> list[float]:
        return output

    def encode_response(self, output: float) -> Any:
        return {"predictions": [output]}


if __name__ == "__main__":
    api = Priced(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT, api_path="/invocations")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=2, fast_queue=True)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
