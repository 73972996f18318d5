"""Any request at all, sent to a real serve: never a 5xx, and nothing but the task's folders is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.archives import tree, zip_of
from tests.support.s3 import S3Server
from tests.support.tasks import INPUTS, OUTPUTS, an_input, serve, task, two_buckets

COUNTS = "find -L {input} -type f | wc -l > {output}/count"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with two_buckets(tmp_path_factory.mktemp("generated")) as running:
        running.put(INPUTS, "data", b"data")
        running.put(INPUTS, "data.zip", zip_of([("folder/a", b"a"), ("folder/b/c", b"c"), ("../x", b"x")]))
        yield running


junk = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.text(max_size=2), max_size=2)
)
text = st.text(st.characters(codec=None, categories=None), max_size=12)  # lone surrogates, too
names = st.sampled_from(["..", ".", "", "a", "b", "a b", "program.sh"])
odd_paths = ("/etc/x", "a\0b", "a\nb", "~/x", "a\\..\\b", "\ud800", "x" * 256, "é" * 127, "y" * 4096)
deep = "z/" * 999 + "z"
paths = st.one_of(st.lists(names, max_size=5).map("/".join), st.sampled_from((*odd_paths, deep)), text)


def an_object(path: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "relative_path": path,
            "bucket_name": st.sampled_from([INPUTS] * 9 + ["no-such", "..", "../x", "", "a b"]),
            "bucket_key": st.sampled_from(["data"] * 9 + ["data.zip"] * 4 + ["missing", "", "k" * 1025]),
        },
        optional={"decompress": st.booleans(), "more": junk},
    )


def a_request(outside: Path) -> st.SearchStrategy[Any]:
    """outside: a folder that paths lead to, if they can."""
    hostile = st.sampled_from([f"{outside}/x", f"{'../' * 20}{outside}/x", "../../x", "../x", "../../../x"])
    times: tuple[Any, ...] = (9, 9.5, "PT9S", "p1d", 0, -1, 1e300, "PT", "soon", True, [], None)
    right: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {
            "pk": text | st.sampled_from(["1", "../../x", f"{outside}/x", "x" * 1025]),
            "inputs": st.lists(an_object(paths | hostile), max_size=4),
            "output_bucket_name": st.sampled_from([OUTPUTS] * 9 + ["..", ""]),
            "output_prefix": st.sampled_from(["p", "p/q/", "r"] * 5 + ["", " ", "a\0b", "c" * 901, "\udfff"]),
        },
        optional={"timeout": st.sampled_from(times), "rerun": st.booleans()},
    )
    fields = st.sampled_from(["pk", "inputs", "output_bucket_name", "output_prefix", "timeout", "rerun"])
    wrong = st.builds(lambda request, field, value: {**request, field: value}, right, fields, junk)
    return st.sampled_from([right, right, right, wrong, junk]).flatmap(lambda one: one)


def one_input(key: str, decompress: bool = False) -> dict[str, Any]:
    inputs = [an_input(key, "a/b", decompress=decompress)]
    return {"pk": "1", "inputs": inputs, "output_bucket_name": OUTPUTS, "output_prefix": "p"}


@pytest.mark.parametrize("layout", ["own", "fixed"])
def test_no_request_gets_a_5xx_or_touches_anything_outside_the_tasks_folders(
    s3: S3Server, tmp_path: Path, layout: str
) -> None:
    root = tmp_path / "root"
    work, outside = root / "a" / "b" / "work", root / "outside"
    for folder in (work, outside):
        folder.mkdir(parents=True)
        for above in (folder, *folder.parents[: 3 if folder == work else 1]):
            (above / "x").write_text("as it was")
    variables: dict[str, str | Path] = {"ALGORITHM_COMMAND": COUNTS, "ALGORITHM_WORK_DIR": work}
    if layout == "fixed":
        variables |= {"ALGORITHM_INPUT_PATH": work / "in", "ALGORITHM_OUTPUT_PATH": work / "out"}
        variables["ALGORITHM_LINKED_INPUT_PARENT"] = work / "links"
    seen: set[int | str] = set()

    with serve(tmp_path / "server", s3, True, **variables) as server:
        assert server.post(task(s3, f"first-{layout}")).json()["reason"] == "ok"
        before, workers = tree(root), server.workers()

        @settings(max_examples=150, suppress_health_check=list(HealthCheck), database=None)
        @example(asked=one_input("data"))
        @example(asked=one_input("missing"))
        @example(asked=one_input("data.zip", decompress=True))  # an entry leads out of the folder
        @given(asked=a_request(outside))
        def check(asked: Any) -> None:
            response = server.post(json.dumps(asked))
            seen.add(response.status_code)
            assert response.status_code in (200, 400), response.text
            if response.status_code == 200:
                seen.add(response.json()["reason"])
                assert response.json()["reason"] in ("ok", "input"), response.text

        check()
        assert tree(root) == before
        assert (server.ping(), server.workers()) == (200, workers)
        assert not [line for line in server.log() if "exception" in line]
    assert seen == {200, 400, "ok", "input"}
