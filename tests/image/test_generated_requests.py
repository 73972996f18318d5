"""10,000 generated bodies and headers over a live server: no 5xx of the runtime's own, no worker dies.

The model sums rows, and raises ValueError or TypeError on what cannot be summed; to tell its failures
from the runtime's, it turns each of them into a ValueError, which is a 422.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.server import Server, wait_until

WORKERS = 2
CONTENT_TYPES = (
    "application/json",
    "text/csv",
    "text/csv; header=present",
    "text/csv; charset=utf-16",
    "application/jsonlines",
    "application/x-npy",
    "application/x-parquet",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.arrow.file",
)
NPY = bytes(np.lib.format.magic(1, 0))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("generated")
    with Server(folder, "sums_or_refuses", MODEL_SERVER_WORKERS=WORKERS, LOG_LEVEL="ERROR") as running:
        yield running


numbers = st.floats(width=32) | st.integers() | st.text(max_size=5) | st.none() | st.booleans()
documents = st.recursive(
    numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
csv_like = st.lists(st.lists(numbers.map(str), max_size=4).map(",".join), max_size=6).map("\n".join)
bodies = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    csv_like.map(lambda text: text.encode("utf-8", "surrogatepass")),
    documents.map(lambda document: repr(document).encode("utf-8", "surrogatepass")),
    st.binary(max_size=200).map(lambda tail: NPY + tail),
    st.binary(max_size=200).map(lambda tail: b"PAR1" + tail + b"PAR1"),
    st.binary(max_size=200).map(lambda tail: b"ARROW1\0\0" + tail),
)
# What http.client lets through as a header's value: no line breaks, Latin-1.
values = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=60)
content_types = st.sampled_from(CONTENT_TYPES) | values
accepts = st.sampled_from((*CONTENT_TYPES, "*/*", "text/*", "text/csv;q=0, */*", ";q=", "a/b;q=x")) | values
headers = st.fixed_dictionaries(
    {"Content-Type": content_types},
    optional={
        "Accept": accepts,
        "X-Amzn-SageMaker-Inference-Id": values,
        "X-Amzn-SageMaker-Custom-Attributes": values,
        "X-Other": values,
    },
)


@settings(max_examples=10_000, suppress_health_check=list(HealthCheck), database=None)
@given(body=bodies, sent=headers)
def check(server: Server, connection: http.client.HTTPConnection, body: bytes, sent: dict[str, str]) -> None:
    connection.request("POST", "/invocations", body, {k: v.encode("latin-1") for k, v in sent.items()})
    response = connection.getresponse()
    text = response.read()
    assert response.status < 500, (response.status, text)
    if response.status >= 400:
        assert response.headers["Content-Type"] == "application/problem+json"
        assert len(text) <= 2048


def test_no_generated_request_gets_a_5xx_or_ends_a_worker(server: Server) -> None:
    # The server is ready once one of its workers is.
    before = wait_until(lambda: len(found := server.workers()) == WORKERS and found, "both workers")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    check(server, connection)
    connection.close()
    assert server.workers() == before
    assert server.log() == []
