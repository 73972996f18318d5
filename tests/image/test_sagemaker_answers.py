"""What SageMaker's functions may return, and how a request is refused by an exception."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.server import Server


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("ways")
    with Server(folder, "sagemaker_answers_in_many_ways", MODEL_SERVER_WORKERS=1) as server:
        yield server


@pytest.fixture(scope="module")
def refuses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("refuses"), "sagemaker_refuses", MODEL_SERVER_WORKERS=1) as server:
        yield server


@pytest.mark.parametrize(
    ("way", "body", "content_type"),
    [
        ("dict", b'{"predictions":[0.5]}', "application/json"),
        ("list", b"[0.5,1.5]", "application/json"),
        ("two texts", b'["a","b"]', "application/json"),
        ("tuple of texts", b'["a","b"]', "application/json"),
        ("array", b"[[1.0,2.0]]", "application/json"),
        ("number", b"3", "application/json"),
        ("str", b"text", "application/json"),
        ("bytes", b"\x00\x01", "application/json"),
        ("bytearray", b"ab", "application/json"),
        ("body and type", b"pixels", "image/png"),
        ("text and type", b"[1]", "application/x-mine"),
        ("dict and type", b'{"a":1}', "application/json"),
        ("list and type", b"1\n2\n", "text/csv; charset=utf-8"),
        ("response", b"made", "text/plain; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("accept", ["", "*/*", "application/*", "application/json"])
def test_output_fn_may_return_any_kind(
    ways: Server, way: str, body: bytes, content_type: str, accept: str
) -> None:
    answer = ways.post({"way": way}, Accept=accept)
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, body, content_type)


def test_an_object_is_written_in_the_type_asked_for(ways: Server) -> None:
    assert ways.post({"way": "array"}, Accept="text/csv").text == "1.0,2.0\n"
    assert ways.post({"way": "dict"}, Accept="image/png, application/json;q=0.5").json() == {
        "predictions": [0.5]
    }
    assert ways.post({"way": "dict"}, Accept="image/png").status_code == 406
    assert ways.post({"way": "str"}, Accept="text/html").headers["Content-Type"].startswith("text/html")


def test_an_output_fn_that_returns_none_has_failed(ways: Server) -> None:
    assert ways.post({"way": "None"}).status_code == 500
    assert "output_fn() returned None for the type 'application/json'" in ways.stderr


def test_transform_fn_may_return_an_object_and_is_told_both_types(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("transform")
    with Server(folder, "sagemaker_transforms_to_objects", MODEL_SERVER_WORKERS=1) as server:
        usual = {"body": "[1]", "content_type": "application/json", "accept": "application/json"}
        assert server.post(b"[1]", None, Accept="").json() == usual
        assert server.post(b"[1]", Accept="*/*").json() == usual
        assert server.post(b"[1]", Accept="application/json, text/csv;q=0.5").json() == usual


def test_transform_fn_with_a_function_that_it_replaces_does_not_start(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("both")
    server = Server(folder, "transform_fn_and_predict_batch", wait=False)
    (server.ml_root / "model" / "code" / "inference.py").write_text(
        "def model_fn(d): pass\ndef transform_fn(m, b, c, a): pass\ndef output_fn(p, a): pass\n"
    )
    with server:
        assert server.wait_exit() == 3
        assert "it has transform_fn and output_fn: only one can answer" in server.stderr


@pytest.mark.parametrize("where", ["input_fn", "predict_fn", "output_fn"])
@pytest.mark.parametrize(
    ("how", "status", "detail"),
    [
        ("toolkit", 418, "a teapot"),
        ("prediction", 400, "too long a text"),
        ("http", 404, "no such tenant"),
        ("abort", 403, "not yours"),
        ("abort with a response", 402, "pay first"),
        ("retry", 503, "warming up"),
        ("detail", 422, "bad field"),
        ("value", 409, "taken"),
        ("unknown status", 400, "odd"),
    ],
)
def test_an_exception_with_a_status_is_the_answer(
    refuses: Server, where: str, how: str, status: int, detail: str
) -> None:
    answer = refuses.post({"where": where, "how": how})
    assert (answer.status_code, answer.json()["detail"]) == (status, detail)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers.get("Retry-After") == ("7" if how == "retry" else None)


def test_an_unsupported_format_is_415_for_a_body_and_406_for_an_answer(refuses: Server) -> None:
    for how, detail in (
        ("unsupported", "Content type x/y is not supported"),
        ("unsupported subclass", "no such type"),
    ):
        for where, status in (("input_fn", 415), ("predict_fn", 415), ("output_fn", 406)):
            answer = refuses.post({"where": where, "how": how})
            assert (answer.status_code, answer.json()["detail"]) == (status, detail)


@pytest.mark.parametrize("how", ["elsewhere", "no error", "text", "plain"])
def test_any_other_exception_is_a_failure_whose_words_are_for_the_log(refuses: Server, how: str) -> None:
    answer = refuses.post({"where": "predict_fn", "how": how})
    assert answer.status_code == 500
    assert "the container's log" in answer.json()["detail"]


def test_an_item_of_a_batch_is_refused_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Server(tmp_path_factory.mktemp("batch"), "refuses_with_a_status", MODEL_SERVER_WORKERS=1) as server:
        answer = server.post('"missing"')
        assert (answer.status_code, answer.json()["detail"]) == (404, "no such tenant")
        assert server.post('"here"').json() == "here"
