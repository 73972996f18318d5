"""The model that sums rows (bench/models/rowsum.py), on FastAPI, with Longshore's own reading and writing.

Written for speed: one route that takes the body as it is, no validation, no pool of threads.
"""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from bench.models import rowsum
from longshore_runtime.runners.model import decoding, encoding

app = FastAPI()


@app.get("/ping")
async def ping() -> Response:
    return Response()


@app.post("/invocations")
async def invocations(request: Request) -> Response:
    headers = request.headers
    kind = headers["content-type"]
    decoded = decoding.decode(await request.body(), kind)
    content, media_type = encoding.encode(rowsum.predict("", decoded.data), headers["accept"], kind, None)
    return Response(content, headers={"content-type": media_type})
