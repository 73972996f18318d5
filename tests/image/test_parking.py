"""Requests that wait for the model without a thread: parked, and settled by somebody else's call."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.image.test_exchange import GUNICORNS_WAY, answer, connected, content, request
from tests.image.test_serve import assert_problem
from tests.support.gated import Gated, gated
from tests.support.server import wait_until

MODELS = ("gated", "gated_batches")


def body(name: str, **item: str) -> bytes:
    return json.dumps({"name": name, **item}).encode()


def send(one: Gated, connection: socket.socket, name: str, headers: bytes = b"", **item: str) -> None:
    """Send a request past nginx, and wait until it is decoded."""
    connection.sendall(request(headers, body(name, **item)))
    wait_until(lambda: name in one.decoded(), f"{name} decoded")


@pytest.mark.parametrize("model", MODELS)
def test_each_that_expires_during_a_long_call_gets_its_503_before_nginx_gives_up(
    tmp_path: Path, model: str
) -> None:
    with gated(tmp_path, model, MODEL_SERVER_TIMEOUT=2) as one:
        one.stuck()
        for expired in [one.send("a"), one.send("b")]:
            assert "busy for too long" in str(assert_problem(expired.result(), 503)["detail"])
        one.open()
        wait_until(lambda: one.post("after").status_code == 200, "the model")
        assert not {"a", "b"} & {name for call in one.calls() for name in call}


def test_one_whose_client_goes_is_left_out_of_the_batch(tmp_path: Path) -> None:
    with gated(tmp_path, "gated_batches") as one:
        stuck = one.stuck()
        leaves = http.client.HTTPConnection("127.0.0.1", one.server.port)
        headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-Inference-Id": "leaves"}
        leaves.request("POST", "/invocations", body("leaves"), headers)
        wait_until(lambda: "leaves" in one.decoded(), "the request")
        stays = [one.send("b"), one.send("c")]
        leaves.close()
        wait_until(lambda: '"request_id":"leaves"' in one.server.stdout, "nginx noticing")
        one.open(waiting=3)
        assert [sent.result().status_code for sent in (stuck, *stays)] == [200] * 3
        assert one.calls() == [["stuck"], ["b", "c"]]


@pytest.mark.parametrize("model", MODELS)
def test_what_follows_on_the_same_connection_is_read_when_the_first_has_its_answer(
    tmp_path: Path, model: str
) -> None:
    with gated(tmp_path, model) as one, connected(one.server) as connection:
        stuck = one.stuck()
        send(one, connection, "first")
        connection.sendall(request(body=body("second")))
        other = one.send("other")
        assert one.decoded() == ["stuck", "first", "other"]
        one.open()
        with connection.makefile("rb") as stream:
            told = [content(stream) for _ in range(2)]
        assert told in (["first", "second"], [["first"], ["second"]])
        assert (stuck.result().status_code, other.result().status_code) == (200, 200)


@pytest.mark.parametrize("model", MODELS)
def test_a_stop_answers_those_that_wait(tmp_path: Path, model: str) -> None:
    with gated(tmp_path, model) as one:
        waiting = [one.stuck(), *(one.send(name) for name in "bcd")]
        one.server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: one.server.ping() != 200, "the server to stop")
        one.open()
        assert [sent.result().status_code for sent in waiting] == [200] * 4
        assert one.server.wait_exit() == 0


def test_log_lines_carry_the_id_of_the_request_they_are_about(tmp_path: Path) -> None:
    with gated(tmp_path, "gated_encodes") as one:
        sent = [one.stuck("a"), one.send("b"), one.send("fails", fails=True), one.send("c")]
        one.open()
        assert [request.result().status_code for request in sent] == [200, 200, 500, 200]
        problem = assert_problem(sent[2].result(), 500)
        assert problem["request_id"] == "id-fails"
        lines = {str(line["message"]): line for line in one.server.log() if line["logger"] == "model"}
        for name in ("a", "b", "fails", "c"):
            assert lines[f"decodes {name}"]["request_id"] == f"id-{name}"
            assert lines[f"encodes {name}"]["request_id"] == f"id-{name}"
        assert lines["predicts ['a']"]["request_id"] == "id-a"
        assert lines["predicts ['b', 'fails', 'c']"]["request_id"] == "id-b"
        (failed,) = [line for line in one.server.log() if "exception" in line]
        assert failed["request_id"] == "id-fails"
        assert "KeyError: 'fails'" in str(failed["exception"])


def test_one_that_takes_long_to_decode_keeps_nobody_waiting_and_is_computed_afterwards(
    tmp_path: Path,
) -> None:
    with gated(tmp_path, "gated_encodes") as one:
        slow = one.send("slow", decode_until="open")
        assert one.post("quick").json() == "quick"
        assert not slow.done()
        one.open()
        assert slow.result().json() == "slow"


def test_an_answer_that_takes_long_to_encode_keeps_nobody_waiting(tmp_path: Path) -> None:
    with gated(tmp_path, "gated_encodes") as one:
        first = one.stuck("a", until="go")
        slow, beside = one.send("slow", encode_until="open"), one.send("beside")
        (one.folder / "go").touch()
        assert (first.result().json(), beside.result().json()) == ("a", "beside")
        assert one.post("after").json() == "after"
        assert one.calls() == [["a"], ["slow", "beside"], ["after"]]
        assert not slow.done()
        one.open()
        assert slow.result().json() == "slow"


@pytest.mark.parametrize("ways", [(b"", GUNICORNS_WAY, b""), (GUNICORNS_WAY, b"", GUNICORNS_WAY)])
@pytest.mark.parametrize("model", MODELS)
def test_those_that_keep_a_thread_and_those_that_do_not_have_one_order(
    tmp_path: Path, model: str, ways: tuple[bytes, ...]
) -> None:
    """gunicorn's way keeps one; MODEL_SERVER_MAX_BATCH_SIZE=1 makes the order seen in gated_batches, too."""
    with gated(tmp_path, model, MODEL_SERVER_MAX_BATCH_SIZE=1) as one, ExitStack() as stack:
        connections = [stack.enter_context(connected(one.server)) for _ in range(4)]
        send(one, connections[0], "stuck", ways[1], until="open")
        wait_until(one.calls, "the call")
        for connection, name, way in zip(connections[1:], "abc", ways, strict=True):
            send(one, connection, name, way)
        one.open(waiting=3)
        assert [answer(connection)[0] for connection in connections] == [200] * 4
        assert one.calls() == [["stuck"], ["a"], ["b"], ["c"]]
