"""The batched model on MLServer: `mlserver start FOLDER`, with settings that contestants.py writes there."""

from __future__ import annotations

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

from bench.peers import cost


class Priced(MLModel):
    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        table = payload.inputs[0]
        items, columns = table.shape
        numbers = table.data.root
        rows = [numbers[start : start + columns] for start in range(0, items * columns, columns)]
        sums = cost.predict(rows)
        output = ResponseOutput(name="sums", shape=[items, 1], datatype="FP64", data=sums)
        return InferenceResponse(model_name=self.name, outputs=[output])
