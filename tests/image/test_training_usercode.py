"""Importing a user's file, and checking its functions: usercode.py, on which train and serve stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from longshore_runtime.errors import StartError
from longshore_runtime.usercode import accepts, check_callable, load_module
from tests.support.server import CHECKOUT
from tests.support.training import as_another_user, open_to_all


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_a_file_is_imported_under_its_own_stem_and_sees_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path, "usercode_neighbour.py", "value = 5\n")
    module = load_module(write(tmp_path, "usercode_a.py", "from usercode_neighbour import value\n"))
    assert (module.value, module.__name__, sys.modules["usercode_a"]) == (5, "usercode_a", module)


def test_two_files_of_one_name_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    modules = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        modules.append(load_module(write(tmp_path / name, "usercode_same.py", f"value = {name!r}\n")))
    assert [module.value for module in modules] == ["one", "two"]


def test_a_file_that_would_hide_a_module_in_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="its name hides the module 'json', which is in use"):
        load_module(write(tmp_path, "json.py", ""))
    assert hasattr(sys.modules["json"], "loads")


def test_a_file_that_is_no_py_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"its name does not end in \.py"):
        load_module(write(tmp_path, "usercode_text.txt", ""))


def test_a_file_that_failed_is_not_left_half_imported(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        load_module(write(tmp_path, "usercode_fails.py", "1 / 0\n"))
    assert "usercode_fails" not in sys.modules


def test_a_syntax_error_in_the_file_names_the_line_but_one_of_the_users_own_code_passes(
    tmp_path: Path,
) -> None:
    with pytest.raises(StartError, match=r"usercode_bad\.py line 2: this is not valid Python: "):
        load_module(write(tmp_path, "usercode_bad.py", "x = 1\nif x\n"))
    with pytest.raises(SyntaxError):
        load_module(write(tmp_path, "usercode_eval.py", "eval('1 +')\n"))


def test_a_file_that_may_not_be_read_is_told_with_the_user_id(tmp_path: Path) -> None:
    file = write(tmp_path, "usercode_secret.py", "")
    file.chmod(0o600)
    open_to_all(tmp_path)
    code = "import pathlib; from longshore_runtime import usercode"
    code += f"; usercode.load_module(pathlib.Path({str(file)!r}))"
    done = subprocess.run(
        as_another_user(sys.executable, "-c", code),
        cwd=CHECKOUT / "container",
        capture_output=True,
        text=True,
    )
    assert "usercode_secret.py: user id 10001 may not read it. Run: chmod a+r " in done.stderr


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    text = """
import functools
def two(model, data): pass
def three(model, data, context): pass
def any_number(*args): pass
def by_name(*, model, data): pass
def with_default(model, data, k=5): pass
def decorate(function):
    @functools.wraps(function)
    def wrapper(*args): return function(*args)
    return wrapper
@decorate
def wrapped(model): pass
class Callable:
    def __call__(self, model, data): pass
instance = Callable()
builtin = min
value = "text"
async def later(model, data): pass
"""
    return load_module(write(tmp_path_factory.mktemp("functions"), "usercode_functions.py", text))


@pytest.mark.parametrize("name", ["two", "three", "any_number", "with_default", "instance", "builtin"])
def test_what_can_be_called_is_given_back(functions: ModuleType, name: str) -> None:
    checked = check_callable(functions, name, ("model", "data", "context"), optional=1)
    assert checked is getattr(functions, name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "absent",
            r"usercode_functions\.py: it has no function absent\(\)\. Write one: def absent\(model, data",
        ),
        ("value", r"usercode_functions\.py: 'value' is a str, not a function\."),
        (
            "by_name",
            r"usercode_functions\.py line 6: by_name\(\*, model, data\) cannot be called with \(model, ",
        ),
        (
            "wrapped",
            r"usercode_functions\.py line 12: wrapped\(model\) cannot be called with \(model, data\)",
        ),
        (
            "three",
            r"usercode_functions\.py line 4: three\(model, data, context\) cannot be called with \(model, ",
        ),
        ("later", r"usercode_functions\.py line 19: later\(\) is async, and nothing awaits it"),
    ],
)
def test_what_cannot_be_called_is_told_with_its_line_and_what_to_write(
    functions: ModuleType, name: str, says: str
) -> None:
    with pytest.raises(StartError, match=says):
        check_callable(functions, name, ("model", "data"))


def test_accepts_tells_how_many_arguments_a_function_takes(functions: ModuleType) -> None:
    assert [accepts(functions.two, count) for count in (1, 2, 3)] == [False, True, False]
    assert [accepts(functions.three, count) for count in (2, 3)] == [False, True]
    assert accepts(functions.any_number, 7)
    assert not accepts(functions.by_name, 2)
