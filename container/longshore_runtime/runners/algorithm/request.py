"""The request: which objects to fetch, and where to store what the program makes of them.

The JSON is that of Grand Challenge's images. All of it is a stranger's text: what passes here names
files below the input folder and nothing else, without a file where another one needs a folder. That
is settled before anything is fetched, so that a mistake costs nobody a download.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from typing import Any

import msgspec

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.algorithm.outcome import RESULT_FOLDER

_TIMEOUT_MAX_SECONDS = 5 * 24 * 3600
_NAME_MAX = 255  # bytes of one name in a path: what Linux file systems hold
_PATH_MAX = 3072  # bytes of a whole path: Linux opens 4,095, and the input folder needs some
_KEY_MAX = 1024  # bytes of a key: S3's own limit
_PREFIX_MAX = 900  # so that what is stored under it has some left
_PK_MAX = 1024  # characters

_BUCKET = re.compile(
    r"""(?!\.+$) [A-Za-z0-9._-]{1,255}
    | arn:aws[a-z-]* : (?: s3 | s3-object-lambda ) : [a-z0-9-]* : \d{12}
      : accesspoint [/:] [A-Za-z0-9.-]{1,63}
    | arn:aws[a-z-]* : s3-outposts : [a-z0-9-]+ : \d{12} : outpost [/:] [A-Za-z0-9-]{1,63}
      [/:] accesspoint [/:] [A-Za-z0-9-]{1,63}""",
    re.VERBOSE | re.ASCII,
)
_DURATION = re.compile(
    r"""P (?=.) (?: (?P<weeks>\d+(?:\.\d+)?)W )? (?: (?P<days>\d+(?:\.\d+)?)D )?
    (?: T (?=.) (?: (?P<hours>\d+(?:\.\d+)?)H )? (?: (?P<minutes>\d+(?:\.\d+)?)M )?
    (?: (?P<seconds>\d+(?:\.\d+)?)S )? )?""",
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_SECONDS_IN = {"weeks": 7 * 24 * 3600, "days": 24 * 3600, "hours": 3600, "minutes": 60, "seconds": 1}


class Input(msgspec.Struct, frozen=True):
    """An object to fetch. relative_path: below the input folder, normalised.

    decompress: an archive, to be unpacked into the folder that relative_path lies in.
    """

    relative_path: str
    bucket_name: str
    bucket_key: str
    decompress: bool = False


class Task(msgspec.Struct, frozen=True):
    """A checked request. timeout: seconds, or an ISO 8601 duration, as it was given."""

    pk: str
    inputs: tuple[Input, ...]
    output_bucket_name: str
    output_prefix: str
    timeout: float | str | None = None
    rerun: bool = False

    def seconds(self, default: float) -> float:
        """How long the program may run."""
        return default if self.timeout is None else _seconds(self.timeout)

    @property
    def prefix(self) -> str:
        """What the keys of all outputs begin with; ends in a slash."""
        return self.output_prefix if self.output_prefix.endswith("/") else f"{self.output_prefix}/"

    @property
    def result_key(self) -> str:
        """The key of the result file."""
        return f"{self.prefix}{RESULT_FOLDER}/inference_result.json"

    @property
    def result_place(self) -> tuple[str, str]:
        """The bucket and the key of the result file."""
        return self.output_bucket_name, self.result_key

    @property
    def fingerprint(self) -> str:
        """What makes two requests the same work, as SHA-256 in hexadecimal: all but timeout and rerun."""
        inputs = sorted(msgspec.structs.astuple(each) for each in self.inputs)
        canonical = msgspec.json.encode([self.pk, inputs, self.output_bucket_name, self.prefix])
        return hashlib.sha256(canonical).hexdigest()


def parse(body: bytes) -> Task:
    """The task of one request; RequestError 400 names the field at fault."""
    return _checked(_decoded(body, Task), "")


def parse_many(text: bytes | str) -> list[Task]:
    """The tasks of a JSON list with at least one; RequestError 400 names the task's place and the field."""
    tasks: list[Task] = _decoded(text, list[Task])
    if not tasks:
        raise RequestError(400, "The list of tasks is empty. Send at least one.")
    return [_checked(task, f"[{place}].") for place, task in enumerate(tasks)]


def _decoded(body: bytes | str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise RequestError(400, _in_plain_words(str(error))) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise RequestError(400, f"This is not JSON in UTF-8: {error}. Send the fields of a task.") from None
    except RecursionError:
        raise RequestError(400, "The JSON is nested too deeply. Send the fields of a task only.") from None


def _in_plain_words(message: str) -> str:
    """ "Expected `str`, got `int` - at `$.pk`" as "pk: expected a string, got a number." """
    words = {
        "str": "a string", "int": "a number", "float": "a number", "bool": "true or false",
        "array": "a list", "object": "an object", "null": "null",
    }  # fmt: skip
    what, _, place = message.partition(" - at `$")
    field = place.removesuffix("`").removeprefix(".")
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", what):
        return f"{field}{'.' if field else ''}{missing[1]}: it is missing. Send it."
    expected = re.sub(
        r"`([^`]+)`", lambda m: " or ".join(words.get(kind, kind) for kind in m[1].split(" | ")), what
    )
    return f"{field}: {expected[0].lower()}{expected[1:]}." if field else f"{expected}."


def _checked(task: Task, where: str) -> Task:
    """The task with normalised paths; where: what the names of its fields begin with in a message."""
    if not task.pk or len(task.pk) > _PK_MAX:
        raise RequestError(400, f"{where}pk: it has {len(task.pk):,} characters. Send 1 to {_PK_MAX:,}.")
    if "\0" in task.pk:  # the program learns it from its environment
        raise RequestError(400, f"{where}pk: it has a NUL character. Send one without.")
    _check_bucket(f"{where}output_bucket_name", task.output_bucket_name)
    prefix = task.output_prefix
    if not prefix.strip() or "\0" in prefix or len(prefix.encode()) > _PREFIX_MAX:
        raise _error(
            f"{where}output_prefix",
            _shown(prefix),
            f"is blank, has a NUL character or is longer than {_PREFIX_MAX} bytes",
            "the prefix that the outputs' keys shall begin with",
        )
    _check_timeout(f"{where}timeout", task.timeout)
    inputs = tuple(_checked_input(each, f"{where}inputs[{i}]") for i, each in enumerate(task.inputs))
    _refuse_collisions(inputs, where)
    return msgspec.structs.replace(task, inputs=inputs)


def _checked_input(given: Input, where: str) -> Input:
    _check_bucket(f"{where}.bucket_name", given.bucket_name)
    if not given.bucket_key or len(given.bucket_key.encode()) > _KEY_MAX:
        fault = f"is empty or longer than {_KEY_MAX:,} bytes"
        raise _error(f"{where}.bucket_key", _shown(given.bucket_key), fault, "the key of an object")
    path = _normalised(given.relative_path, f"{where}.relative_path")
    return msgspec.structs.replace(given, relative_path=path)


def _normalised(path: str, where: str) -> str:
    names = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in names:
        raise _error(where, _shown(path), "leads out of the input folder", "a path below it, without '..'")
    if not names or path.endswith(("/", "/.")):
        raise _error(where, _shown(path), "does not name a file", "the path of a file below the input folder")
    if re.search(r"[\0-\x1f\x7f-\x9f]", path):
        raise _error(where, _shown(path), "has control characters", "a path without them")
    if len(path.encode()) > _PATH_MAX or max(len(name.encode()) for name in names) > _NAME_MAX:
        fault = f"is longer than {_PATH_MAX:,} bytes, or a name in it than {_NAME_MAX}"
        raise _error(where, _shown(path), fault, "a shorter one")
    return "/".join(names)


def _refuse_collisions(inputs: tuple[Input, ...], where: str) -> None:
    """No two inputs may be one file, nor may one be a file where another needs a folder.

    With NUL between its names, what lies below a path sorts right behind it, so that looking at
    neighbours is enough: no memory for each folder on the way, however deep a stranger's paths are.
    """
    targets = []
    for place, each in enumerate(inputs):
        target = each.relative_path.replace("/", "\0")
        if each.decompress:  # its own name is never made, but the folder is
            folder, slash, _ = target.rpartition("\0")
            target = folder + slash
        targets.append((target, place))
    targets.sort()
    for (target, one), (following, other) in itertools.pairwise(targets):
        same = following == target
        if not inputs[one].decompress and (same or following.startswith(f"{target}\0")):
            first, second = sorted((one, other))
            fault = "are one file" if same else "collide: one is a file where the other needs a folder"
            raise _error(
                f"{where}inputs[{first}].relative_path",
                f"{_shown(inputs[first].relative_path)} and that of {where}inputs[{second}],"
                f" {_shown(inputs[second].relative_path)},",
                fault,
                "different paths",
            )


def _check_bucket(where: str, name: str) -> None:
    if not _BUCKET.fullmatch(name):
        raise _error(where, _shown(name), "is no bucket", "its name, or the ARN of an access point")


def _check_timeout(where: str, timeout: float | str | None) -> None:
    try:
        fine = timeout is None or 0 < _seconds(timeout) <= _TIMEOUT_MAX_SECONDS
    except ValueError:
        fine = False
    if not fine:
        shown = _shown(timeout) if isinstance(timeout, str) else f"{timeout:g}"
        fault = "is not a time above 0 and of 5 days at most"
        raise _error(where, shown, fault, "a number of seconds, or an ISO 8601 duration such as 'PT1H30M'")


def _seconds(timeout: float | str) -> float:
    if not isinstance(timeout, str):
        return float(timeout)
    match = _DURATION.fullmatch(timeout)
    if not match:
        raise ValueError(timeout)
    return sum(float(match[unit] or 0) * seconds for unit, seconds in _SECONDS_IN.items())


def _shown(text: str) -> str:
    """Within quotes, control characters escaped, and not too much of it: an error's body is short."""
    return repr(text if len(text) <= 120 else f"{text[:120]}…")


def _error(where: str, subject: str, fault: str, instead: str) -> RequestError:
    return RequestError(400, f"{where}: {subject} {fault}. Send {instead}.")
