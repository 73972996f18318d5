"""The batched model on BentoML: `bentoml serve bench.peers.apps.bentoml_app:Priced`."""

# No "from __future__ import annotations": BentoML reads the types of the method.
import bentoml

from bench.peers import cost

MAX_BATCH_SIZE = 64


@bentoml.service(workers=2, logging={"access": {"enabled": False}})
class Priced:
    @bentoml.api(route="/invocations", batchable=True, max_batch_size=MAX_BATCH_SIZE)
    def invocations(self, rows: list[list[float]]) -> list[float]:
        return cost.predict(rows)
