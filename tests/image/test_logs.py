"""Log lines: whatever a record holds becomes one line of JSON, and no code of the user's silences ours."""

from __future__ import annotations

import ast
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime.logs import JsonFormatter
from tests.support.server import CHECKOUT, Server

RUNTIME = CHECKOUT / "container" / "longshore_runtime"
# What the user's code does with logging, at import; each would silence loggers of the registry.
SILENCERS = {
    "dictConfig": 'logging.config.dictConfig({"version": 1, "root": {"level": "CRITICAL"}})',
    "dictConfig with a stream": (
        'logging.config.dictConfig({"version": 1, "handlers": {"out": {"class": "logging.StreamHandler"}},'
        ' "root": {"handlers": ["out"]}})'
    ),
    "fileConfig": (
        'logging.config.fileConfig(__import__("io").StringIO("[loggers]\\nkeys=root\\n[handlers]\\nkeys=\\n'
        '[formatters]\\nkeys=\\n[logger_root]\\nhandlers=\\nlevel=CRITICAL"))'
    ),
    "disable": "logging.disable()",
    "basicConfig": "logging.basicConfig(force=True, level=logging.CRITICAL)",
    "removeHandler": "root = logging.getLogger(); [root.removeHandler(h) for h in list(root.handlers)]",
    "setLevel": (
        'for name in (None, "predictor", "worker", "model", "gunicorn.error"):'
        " logging.getLogger(name).setLevel(logging.CRITICAL + 1)"
    ),
    "record factory": "logging.setLogRecordFactory(lambda *args, **kwargs: 1 / 0)",
    "logger class": (
        "logging.setLoggerClass(type('Silent', (logging.Logger,), {'handle': lambda self, record: None}))"
    ),
    "shutdown": "logging.shutdown()",
    "raiseExceptions": "logging.raiseExceptions = False; logging.root.handlers.clear()",
    "sys.stderr closed": "sys.stderr.close()",
}


def serve(folder: Path, code: str, **variables: Any) -> Server:
    """A server, not started yet, with this as its inference.py."""
    server = Server(folder, None, **{"MODEL_SERVER_WORKERS": 1, **variables})
    (server.ml_root / "model" / "code" / "inference.py").write_text(code)
    return server


@pytest.mark.parametrize("how", SILENCERS)
def test_no_logging_configuration_of_the_users_silences_the_servers_lines(tmp_path: Path, how: str) -> None:
    code = f"""
import logging, logging.config, sys
{SILENCERS[how]}
def load(model_dir): return None
def predict(model, data): raise RuntimeError("the reason")
"""
    with serve(tmp_path, code) as server:
        answer = server.post(1)
        assert answer.status_code == 500
        (line,) = [line for line in server.log() if "the reason" in line.get("exception", "")]
        assert line["request_id"] == answer.json()["request_id"]
        assert line["logger"] == "predictor"
    assert any("stopped" in line["message"] for line in server.log())


def test_what_fails_in_flask_is_logged_though_the_model_disables_logging(tmp_path: Path) -> None:
    code = """
import flask, logging
logging.disable()
def fails(*_, **__): raise RuntimeError("the reason")
flask.request_started.connect(fails, weak=False)
def load(model_dir): return None
def predict(model, data): return data
"""
    with serve(tmp_path, code) as server:
        assert server.post(1).status_code == 500
        assert any("the reason" in line.get("exception", "") for line in server.log())


@pytest.mark.parametrize("name", ["gunicorn.error", "worker", "model", "longshore"])
def test_a_logger_of_the_users_that_has_the_name_of_one_of_ours_is_theirs(tmp_path: Path, name: str) -> None:
    code = f"""
import logging
log = logging.getLogger({name!r})
def load(model_dir): return None
def predict(model, data):
    log.info("seen %s", data)
    return data
"""
    with serve(tmp_path, code) as server:
        assert server.post(7).json() == 7
        (line,) = [line for line in server.log() if line["message"] == "seen 7"]
        assert line["logger"] == name
        assert "request_id" in line


def test_the_users_own_loggers_do_as_the_users_code_says(tmp_path: Path) -> None:
    code = """
import logging, logging.config
logging.config.dictConfig({
    "version": 1,
    "formatters": {"mine": {"format": "MINE %(name)s %(message)s"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "mine"}},
    "loggers": {"model": {"handlers": ["out"], "level": "DEBUG"}},
})
def load(model_dir): return None
def predict(model, data):
    logging.getLogger("model").debug("seen %s", data)
    logging.getLogger("other").info("other %s", data)
    return data
"""
    with serve(tmp_path, code) as server:
        assert server.post(7).json() == 7
        assert "MINE model seen 7\n" in server.stderr
        (line,) = [line for line in server.log() if line["message"] == "other 7"]  # as by default
        assert line["logger"] == "other"


RECORDS: dict[str, tuple[str, dict[str, Any]]] = {
    "fields that are no dictionary": ('log.warning("IMPORTANT", extra={"fields": "abc"})', {"fields": "abc"}),
    "fields with the names of ours": (
        'log.warning("IMPORTANT", extra={"fields": {"level": 5, "time": 6, "message": 7, "mine": 8}})',
        {"level": "WARNING", "fields.level": 5, "fields.time": 6, "fields.message": 7, "mine": 8},
    ),
    "keys that are no text": (
        'log.warning("IMPORTANT", extra={"fields": {(1, 2): 3, None: 4}})',
        {"(1, 2)": 3, "None": 4},
    ),
    "no finite number": (
        'log.warning("IMPORTANT", extra={"fields": {"loss": float("nan"), "n": 1}})',
        {"loss": "nan", "n": 1},
    ),
    "itself": ('a = {}; a["a"] = a; log.warning("IMPORTANT", extra={"fields": {"a": a, "n": 1}})', {"n": 1}),
    "a repr that fails": (
        'log.warning("IMPORTANT", extra={"fields": {"bad": Bad(), "n": 1}})',
        {"bad": "<Bad, whose repr() raised ZeroDivisionError>", "n": 1},
    ),
    "too few arguments": ('log.warning("IMPORTANT %s %s", 1)', {}),
    "arguments of another type": ('log.warning("IMPORTANT %d", "x")', {}),
    "an argument that cannot be printed": ('log.warning("IMPORTANT %s", Bad())', {}),
    "no text at all": ('log.warning(["IMPORTANT", Bad])', {}),
    "half a surrogate pair": ('log.warning("IMPORTANT \\ud800 %s", "\\udc80")', {}),
    "a line break and a zero": ('log.warning("IMPORTANT\\r\\n\\x00\\x85\\u2028")', {}),
    "a huge integer": ('log.warning("IMPORTANT", extra={"fields": {"i": 10**5000, "n": 1}})', {"n": 1}),
    "a huge message": ('log.warning("IMPORTANT " + "x" * 10_000_000)', {}),
    "huge fields": (
        'log.warning("IMPORTANT", extra={"fields": {str(i): "é" * 10_000 for i in range(1000)}})',
        {},
    ),
    "an exception that cannot be formatted": (
        'log.warning("IMPORTANT", exc_info=(ValueError, Bad(), None))',
        {},
    ),
    "exc_info without an exception": ('log.warning("IMPORTANT", exc_info=True)', {}),
    "a stack": ('log.warning("IMPORTANT", stack_info=True)', {}),
}
_PROLOGUE = """
import logging, sys
sys.path.insert(0, sys.argv[1])
from longshore_runtime import logs
class Bad:
    def __repr__(self): return 1 / 0
    __str__ = __repr__
logs.configure(logging.INFO)
log = LOGGER
"""


@pytest.mark.parametrize("logger", ["logging.getLogger('mine')", "logs.get('ours')"])
@pytest.mark.parametrize("what", RECORDS)
def test_whatever_a_record_holds_becomes_one_line_of_json(what: str, logger: str) -> None:
    statement, expected = RECORDS[what]
    script = _PROLOGUE.replace("LOGGER", logger) + statement
    done = subprocess.run(
        [sys.executable, "-c", script, str(RUNTIME.parent)], capture_output=True, check=True, text=True
    )
    (text,) = done.stderr.splitlines()
    line = json.loads(text, parse_constant=pytest.fail)
    assert "IMPORTANT" in line["message"]
    assert line["level"] == "WARNING"
    assert expected.items() <= line.items()
    assert len(text) < 256 * 1024
    text.encode("ascii")
    json.dumps(line, ensure_ascii=False).encode()  # no half of a surrogate pair


def test_a_line_that_is_cut_says_how_much_was_left_out() -> None:
    record = logging.makeLogRecord({"msg": "x" * 1_000_000, "levelname": "INFO"})
    message = json.loads(JsonFormatter().format(record))["message"]
    assert "[... 993856 characters left out ...]" in message


def test_lines_come_while_stderr_is_closed_and_go_to_nothing_that_took_its_number(tmp_path: Path) -> None:
    script = _PROLOGUE.replace("LOGGER", "logs.get('ours')") + (
        "import os\nos.closerange(2, 3)\nfile = open(sys.argv[2], 'w')\nassert file.fileno() == 2\n"
        "log.warning('first')\nos.closerange(3, 100)\nlog.warning('lost')\n"
    )
    file = tmp_path / "file"
    done = subprocess.run(
        [sys.executable, "-c", script, str(RUNTIME.parent), str(file)],
        capture_output=True,
        check=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["first"]
    assert file.read_text() == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_serve_started_with_closed_standard_descriptors_serves(tmp_path: Path, closed: str) -> None:
    code = "def load(model_dir): return None\ndef predict(model, data):\n    print(1)\n    return data\n"
    command = ("/bin/sh", "-c", f'exec "{CHECKOUT / "container" / "serve"}" {closed}')
    with serve(tmp_path, code, command=command) as server:
        assert [server.post(5).json() for _ in range(3)] == [5, 5, 5]


def test_our_modules_take_their_loggers_from_logs() -> None:
    """One from the registry of Python's logging could be silenced by the user's code."""
    found = [
        f"{path.relative_to(RUNTIME)}: {ast.unparse(node)}"
        for path in sorted(RUNTIME.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "logging.getLogger"
    ]
    assert found == [
        # What scripts written for AWS's toolkit get from it is theirs.
        "aws_modules/sagemaker_inference/logging.py: logging.getLogger('sagemaker-inference')",
        "runners/algorithm/s3/client.py: logging.getLogger('botocore')",
    ]
