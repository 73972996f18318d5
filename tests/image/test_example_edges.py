"""examples/edges without Docker: the program alone, and as `serve` runs it for a task."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.edges import EXAMPLE, PORTRAIT, compiled, pgm, read_pgm, run, strengths
from tests.support.s3 import S3Server
from tests.support.server import Server
from tests.support.tasks import AS_OURSELVES

SMALL = pgm(np.arange(12).reshape(3, 4))
RANDOM = np.random.default_rng(5)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("program"))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """An input and an output folder."""
    inputs, outputs = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    outputs.mkdir()
    return inputs, outputs


IMAGES = {
    "the portrait": read_pgm(PORTRAIT.read_bytes()),
    "one pixel": np.array([[77]]),
    "one row": np.array([[0, 0, 255, 255, 0]]),
    "one column": np.array([[0], [100], [255]]),
    "nothing to see": np.full((4, 5), 200),
    "a step from black to white": np.repeat([[0, 0, 255, 255]], 4, axis=0),
    "a chessboard's corner, which is more than a step": np.kron([[255, 0], [0, 0]], np.ones((2, 2))),
    "noise": RANDOM.integers(0, 256, (31, 47)),
}


@pytest.mark.parametrize("pixels", IMAGES.values(), ids=IMAGES.keys())
def test_the_strengths_are_those_of_sobels_gradient(
    program: Path, folders: tuple[Path, Path], pixels: np.ndarray[Any, Any]
) -> None:
    inputs, outputs = folders
    (inputs / "scan.pgm").write_bytes(pgm(pixels))
    done = run(program, inputs, outputs)
    assert (done.returncode, done.stderr) == (0, "")
    found = read_pgm((outputs / "scan.pgm").read_bytes())
    np.testing.assert_array_equal(found, strengths(pixels))
    height, width = pixels.shape
    summary = json.loads((outputs / "scan.json").read_text())
    mean = pytest.approx(found.mean(), abs=0.0006)
    assert summary == {"width": width, "height": height, "mean_edge_strength": mean}


def test_where_white_is_less_than_255_strengths_are_larger_by_as_much(
    program: Path, folders: tuple[Path, Path]
) -> None:
    inputs, outputs = folders
    pixels = RANDOM.integers(0, 16, (9, 8))
    (inputs / "scan.pgm").write_bytes(pgm(pixels, white=15))
    assert run(program, inputs, outputs).returncode == 0
    np.testing.assert_array_equal(read_pgm((outputs / "scan.pgm").read_bytes()), strengths(pixels, 15))


def test_a_header_may_have_comments_and_any_white_space_and_the_first_pixel_may_look_like_it(
    program: Path, folders: tuple[Path, Path]
) -> None:
    inputs, outputs = folders
    pixels = b"\n # 123"
    (inputs / "scan.pgm").write_bytes(b"P5 # by hand\n#\n\t7\r\n1 # size 9 9\n255\n" + pixels)
    assert run(program, inputs, outputs).returncode == 0
    expected = strengths(np.frombuffer(pixels, np.uint8).reshape(1, 7))
    np.testing.assert_array_equal(read_pgm((outputs / "scan.pgm").read_bytes()), expected)


SIZE = "its header does not give a width and a height from 1 to 65535"
DEPTH = "its pixels are not of 8 bits: the header's third number is not from 1 to 255"
SHORT = "the file ends before the last pixel"
MALFORMED = {
    "nothing in it": (b"", "it is no binary PGM: it does not begin with P5"),
    "a PGM written as text": (b"P2\n1 1\n255\n7\n", "it is no binary PGM: it does not begin with P5"),
    "a JPEG": (b"\xff\xd8\xff\xe0", "it is no binary PGM: it does not begin with P5"),
    "no size": (b"P5\n", SIZE),
    "no height": (b"P5\n4\n", SIZE),
    "a comment without an end": (b"P5\n4 # and so on", SIZE),
    "a width of 0": (b"P5\n0 3\n255\n", SIZE),
    "a negative height": (b"P5\n4 -3\n255\n", SIZE),
    "a width that is no number": (b"P5\nfour 3\n255\n", SIZE),
    "a width too large for any integer": (b"P5\n" + b"9" * 400 + b" 3\n255\n", SIZE),
    "pixels of 16 bits": (b"P5\n4 3\n65535\n" + bytes(24), DEPTH),
    "no third number": (b"P5\n4 3\n", DEPTH),
    "no end of the header": (b"P5\n4 3\n255x", "its header does not end with white space"),
    "no pixels": (b"P5\n4 3\n255\n", SHORT),
    "one byte too few": (SMALL[:-1], SHORT),
    "a size of 4 GB and nothing there": (b"P5\n65535 65535\n255\n", None),  # or there is not enough memory
    "a pixel whiter than white": (b"P5\n1 1\n9\n\x0a", "a pixel is larger than the header's third number"),
}


@pytest.mark.parametrize(("content", "wrong"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_image_is_named_with_what_is_wrong_and_the_others_are_done(
    program: Path, folders: tuple[Path, Path], content: bytes, wrong: str | None
) -> None:
    inputs, outputs = folders
    (inputs / "broken.pgm").write_bytes(content)
    (inputs / "whole.pgm").write_bytes(SMALL)
    done = run(program, inputs, outputs)
    assert done.returncode == 1
    allowed = [wrong] if wrong else [SHORT, "there is not enough memory for it"]
    assert done.stderr in [f"edges: broken.pgm: {text}\n" for text in allowed]
    assert sorted(path.name for path in outputs.iterdir()) == ["whole.json", "whole.pgm"]


def test_what_cannot_be_read_or_written_is_named_with_the_systems_reason(
    program: Path, folders: tuple[Path, Path]
) -> None:
    inputs, outputs = folders
    assert run(program, inputs, outputs).stderr == f"edges: {inputs}: no *.pgm is in it\n"
    nowhere = inputs / "nowhere"
    assert run(program, nowhere, outputs).stderr == f"edges: {nowhere}: No such file or directory\n"
    (inputs / "a.pgm").write_bytes(PORTRAIT.read_bytes())  # more than is written when the file is closed
    assert run(program, inputs, nowhere).stderr == "edges: a.pgm: No such file or directory\n"
    for name in ("a.pgm", "a.json"):
        (outputs / name).symlink_to("/dev/full")
        done = run(program, inputs, outputs)
        assert (done.returncode, done.stderr) == (1, "edges: a.pgm: No space left on device\n")
        (outputs / name).unlink()


def test_after_each_image_a_line_tells_the_progress_where_that_is_asked_for(
    program: Path, folders: tuple[Path, Path]
) -> None:
    inputs, outputs = folders
    for name in ("c.pgm", "a.pgm", "b.pgm", "notes.txt"):
        (inputs / name).write_bytes(SMALL if name != "b.pgm" else b"")
    told = inputs.parent / "progress"
    assert run(program, inputs, outputs, {"ALGORITHM_PROGRESS": str(told)}).returncode == 1
    assert told.read_text() == "0.33 a.pgm\n0.67 b.pgm\n1.00 c.pgm\n"
    assert run(program, inputs, outputs, {"ALGORITHM_PROGRESS": "/nowhere/at/all"}).stderr == (
        "edges: b.pgm: it is no binary PGM: it does not begin with P5\n"
    )


def test_a_task_through_s3_gives_what_the_program_alone_gives(
    program: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    inputs, outputs = folders
    (inputs / "portrait.pgm").write_bytes(PORTRAIT.read_bytes())
    printed = run(program, inputs, outputs).stdout.strip()
    alone = {path.name: path.read_bytes() for path in outputs.iterdir()}
    readme = (EXAMPLE / "README.md").read_text()
    assert printed in readme
    variables: dict[str, Any] = {"ALGORITHM_COMMAND": json.dumps([str(program), "{input}", "{output}"])}

    def task(name: str) -> dict[str, Any]:
        inputs = [{"relative_path": f"{name}.pgm", "bucket_name": "uploads", "bucket_key": f"{name}.pgm"}]
        return {"pk": name, "inputs": inputs, "output_bucket_name": "results", "output_prefix": f"{name}/"}

    with S3Server(tmp_path / "s3") as s3:
        for bucket in ("uploads", "results"):
            s3.make_bucket(bucket)
        s3.put("uploads", "portrait.pgm", PORTRAIT.read_bytes())
        s3.put("uploads", "broken.pgm", SMALL[:-1])
        with Server(tmp_path, None, **variables | AS_OURSELVES | s3.environment()) as server:
            well, badly = server.post(task("portrait")), server.post(task("broken"))
            log = server.log()

        assert (well.status_code, well.json()["return_code"]) == (200, 0), well.text
        assert well.json()["progress"] == {"fraction": 1.0, "text": "portrait.pgm"}
        for output in well.json()["outputs"]:
            stored = s3.get(output["bucket_name"], output["bucket_key"])
            assert stored == alone.pop(output["relative_path"])
            assert output["sha256"] == hashlib.sha256(stored).hexdigest()
            assert output["sha256"] in readme
        assert not alone
        assert [line["task"] for line in log if line["message"] == printed] == ["portrait"]

        ended = badly.json()
        assert (ended["return_code"], ended["reason"], ended["outputs"]) == (1, "exit", [])
        assert ended["user_process_last_stderr_lines"] == [f"edges: broken.pgm: {SHORT}"]
        assert s3.keys("results", "broken/") == ["broken/.sagemaker_shim/inference_result.json"]
