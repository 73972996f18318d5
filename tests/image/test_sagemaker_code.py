"""Where a script's code lies and how it is named, as the SDK and AWS's toolkits have it."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime import settings
from tests.support.server import MODELS, Server, wait_until
from tests.support.training import Training

SCRIPT = "def model_fn(model_dir): return {0!r}\ndef predict_fn(data, model): return [model]\n"


@pytest.mark.parametrize(
    "name", [n for row in settings.VARIABLES for n in row.names if n.startswith(("SAGEMAKER_", "SM_"))]
)
def test_an_empty_variable_of_sagemakers_is_unset(name: str) -> None:
    assert settings.load({name: ""}) == settings.load({})


def test_an_empty_name_leaves_the_other_name_of_a_setting_in_force() -> None:
    both = {"SAGEMAKER_MODEL_SERVER_TIMEOUT": "", "MODEL_SERVER_TIMEOUT": "8"}
    assert settings.load(both).timeout == 8


def test_what_the_sdk_sets_without_an_entry_point_starts(tmp_path: Path) -> None:
    empty: dict[str, Any] = {
        "SAGEMAKER_PROGRAM": "",
        "SAGEMAKER_SUBMIT_DIRECTORY": "",
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "",
    }
    with Server(tmp_path, "sagemaker_model_fn_only", MODEL_SERVER_WORKERS=1, **empty) as server:
        assert server.post([1]).json() == [2]


def test_train_takes_an_empty_program_for_none(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports", SAGEMAKER_PROGRAM="", SAGEMAKER_SUBMIT_DIRECTORY="")
    job.config("hyperparameters", {"sagemaker_program": '""', "sagemaker_submit_directory": '""'})
    assert job.run().code == 0


def test_a_program_may_be_named_without_its_ending(tmp_path: Path) -> None:
    server = Server(tmp_path, None, MODEL_SERVER_WORKERS=1, SAGEMAKER_PROGRAM="mine")
    (server.ml_root / "model" / "code" / "mine.py").write_text(SCRIPT.format("mine"))
    with server:
        assert server.post([1]).json() == ["mine"]


def test_train_takes_a_program_without_its_ending(tmp_path: Path) -> None:
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM="fit")
    job.program("fit.py", "print('fitted')\n")
    done = job.run()
    assert done.code == 0
    assert "fitted" in done.stdout


def sources(folder: Path) -> Path:
    """A folder of code of several files, inference.py among them, and a program in a folder in it."""
    (folder / "package").mkdir(parents=True)
    shutil.copy(MODELS / "sagemaker_import_styles.py", folder / "inference.py")
    (folder / "helpers.py").write_text("def double(number): return 2 * number\n")
    (folder / "package" / "__init__.py").write_text("def of_package(): return 'package'\n")
    (folder / "package" / "deeper.py").write_text(
        "from ..helpers import double\ndef triple(n): return double(n) + n\n"
    )
    (folder / "src").mkdir()
    (folder / "src" / "serve_it.py").write_text(
        "from helpers import double\nfrom src.near import near\nimport near as same\n"
        "def model_fn(d): return near\n"
        "def predict_fn(data, model): return [model(), same.near(), double(1)]\n"
    )
    (folder / "src" / "near.py").write_text("def near(): return 'near'\n")
    return folder


def archive(folder: Path, name: str) -> Path:
    file = folder.parent / name
    with tarfile.open(file, "w:gz" if name.endswith("gz") else "w") as opened:
        opened.add(folder, ".")
    return file


@pytest.mark.parametrize("form", ["folder", "file://", "tar.gz", "tar"])
def test_code_of_several_files_is_found_in_a_folder_or_an_archive(tmp_path: Path, form: str) -> None:
    folder = sources(tmp_path / "elsewhere")
    place = {
        "folder": lambda: str(folder),
        "file://": lambda: f"file://{folder}",
        "tar.gz": lambda: str(archive(folder, "sourcedir.tar.gz")),
        "tar": lambda: str(archive(folder, "sourcedir.tar")),
    }[form]()
    variables: dict[str, Any] = {"SAGEMAKER_SUBMIT_DIRECTORY": place, "MODEL_SERVER_PRELOAD": "never"}
    with Server(tmp_path, None, MODEL_SERVER_WORKERS=2, **variables) as server:
        assert server.post([1]).json() == [2, 4, 6, 3, "package"]
    with Server(
        tmp_path, None, MODEL_SERVER_WORKERS=1, SAGEMAKER_PROGRAM="src/serve_it.py", **variables
    ) as server:
        assert server.post([1]).json() == ["near", "near", 2]


def test_train_takes_its_program_from_an_archive(tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "fit.py").write_text("import helper\n")
    (folder / "helper.py").write_text("print('helped')\n")
    packed = archive(folder, "sourcedir.tar.gz")
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM="fit.py", SAGEMAKER_SUBMIT_DIRECTORY=packed)
    job.variables["TMPDIR"] = tmp_path / "temporary"
    (tmp_path / "temporary").mkdir()
    done = job.run()
    assert done.code == 0
    assert "helped" in done.stdout
    assert not list((tmp_path / "temporary").glob("code-*"))


def entry(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


@pytest.mark.parametrize(
    ("member", "what"),
    [
        (entry("../outside.py"), "is a path outside of it"),
        (entry("a/../../outside.py"), "is a path outside of it"),
        (entry("/outside.py"), "is a path outside of it"),
        (entry("link", tarfile.SYMTYPE, "/etc"), "is neither a file nor a folder"),
        (entry("device", tarfile.CHRTYPE), "is neither a file nor a folder"),
        (None, "cannot be unpacked"),
    ],
)
def test_an_archive_of_code_that_is_none_does_not_start(
    tmp_path: Path, member: tarfile.TarInfo | None, what: str
) -> None:
    file = tmp_path / "sourcedir.tar.gz"
    if member is None:
        file.write_bytes(b"no archive")
    else:
        with tarfile.open(file, "w:gz") as opened:
            opened.addfile(member, io.BytesIO())
    with Server(tmp_path, None, wait=False, SAGEMAKER_SUBMIT_DIRECTORY=file) as server:
        assert server.wait_exit() == 3
        assert what in server.stderr
        assert "Traceback" not in server.stderr
    assert not (tmp_path / "outside.py").exists()


def test_packages_that_a_script_asks_for_and_that_are_missing_are_named_once(tmp_path: Path) -> None:
    server = Server(tmp_path, "sagemaker_model_fn_only", MODEL_SERVER_WORKERS=2, MODEL_SERVER_PRELOAD="never")
    (server.ml_root / "model" / "code" / "requirements.txt").write_text(
        "# packages\nnumpy>=1.0\nno-such-package-of-ours==1.2  # pinned\nflask<0.1\n"
        "also-missing; python_version < '3'\n--extra-index-url https://example.com\n./wheels/mine.whl\n"
    )
    with server:
        assert server.post([1]).json() == [2]

        def lines() -> list[str]:
            return [
                str(line["message"]) for line in server.log() if "asks for packages" in str(line["message"])
            ]

        wait_until(lines, "the line")
    assert len(lines()) == 1
    assert "no-such-package-of-ours==1.2, flask<0.1." in lines()[0]
    assert str(os.fspath(server.ml_root / "model" / "code" / "requirements.txt")) in lines()[0]
