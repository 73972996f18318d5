"""The program to run: its arguments, as the image or the user words them, and its environment."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec

from longshore_runtime.errors import StartError
from longshore_runtime.runners.algorithm.program.users import Identity

_SHELL = ("/bin/sh", "-c")
PRIVATE_FOLDERS = ("home", "tmp")
_NOBODYS_HOME = ("", "/", "/root", "/nonexistent")
_USER_NAME = "task"

# Names are compared in lower case, since nothing is lost by withholding another spelling.
_WITHHELD_PREFIXES = (
    "algorithm_",
    "grand_challenge_",
    "model_server_",
    "longshore_",
    "aws_container_",  # where a container's role gets its credentials, and the token for that
    "aws_bearer_token_",
)
_WITHHELD = frozenset(
    {
        "runner",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_security_token",
        "aws_credential_expiration",
        "aws_credential_file",
        "aws_shared_credentials_file",
        "aws_config_file",
        "aws_profile",
        "aws_default_profile",
        "aws_role_arn",
        "aws_role_session_name",
        "aws_web_identity_token_file",
        "boto_config",
        # The server's own: a program that is a server itself would take them for its own.
        "prometheus_multiproc_dir",
        "server_software",
    }
)


def from_image(cmd_b64j: str | None, entrypoint_b64j: str | None) -> tuple[str, ...]:
    """The arguments an image's CMD and ENTRYPOINT, each JSON in base64, make together, as Docker does it.

    A JSON string is the shell form, a list the exec form; null and empty ones count as absent.
    Raises StartError naming the variable where one is malformed, and where both are absent.
    """
    cmd = _decoded(cmd_b64j, "ALGORITHM_CMD_B64J")
    entrypoint = _decoded(entrypoint_b64j, "ALGORITHM_ENTRYPOINT_B64J")
    if isinstance(entrypoint, str):
        return (*_SHELL, entrypoint)  # Docker gives a shell-form ENTRYPOINT no arguments
    argv = (*entrypoint, *(_SHELL if isinstance(cmd, str) else ()), *([cmd] if isinstance(cmd, str) else cmd))
    if not argv or not argv[0]:
        raise StartError(
            "ALGORITHM_CMD_B64J, ALGORITHM_ENTRYPOINT_B64J",
            "both are empty, or their first text is, so there is no program to run.",
            "Set the one that the image has.",
        )
    return argv


def from_text(text: str) -> tuple[str, ...]:
    """ALGORITHM_COMMAND: a JSON list of texts, or else a line for the shell. Raises StartError."""
    where = "ALGORITHM_COMMAND"
    if not text.strip():
        raise StartError(where, "it is blank.", "Give a JSON list of texts, or a line for /bin/sh.")
    if not text.lstrip().startswith("["):
        return (*_SHELL, _no_nul(text, where))
    try:
        argv = msgspec.json.decode(text, type=list[str])
    except (msgspec.DecodeError, UnicodeError):
        argv = []
    if not argv or not argv[0]:
        raise StartError(
            where,
            f"{text!r} begins like a JSON list, but is not a list of texts with a program first.",
            'Write it as ["program", "argument"]; begin a line for the shell with something else than "[".',
        )
    return tuple(_no_nul(argument, where) for argument in argv)


def substituted(argv: tuple[str, ...], input_folder: Path, output_folder: Path) -> tuple[str, ...]:
    """argv with {input} and {output} replaced by the folders; no other braces are touched.

    In a text for the shell (what follows /bin/sh -c) a folder is quoted where it needs to be, so that
    it stays one word; in any other argument it is put in as it is.
    """
    folders = {"{input}": str(input_folder), "{output}": str(output_folder)}

    def replaced(place: int, argument: str) -> str:
        for_shell = argv[max(place - 2, 0) : place] == _SHELL
        return re.sub(
            r"\{input\}|\{output\}",  # in one go: a folder's own name may hold the other one
            lambda match: shlex.quote(folders[match[0]]) if for_shell else folders[match[0]],
            argument,
        )

    return tuple(replaced(place, argument) for place, argument in enumerate(argv))


def environment(
    ours: Mapping[str, str],
    allowed: frozenset[str],
    identity: Identity,
    *,
    added: Mapping[str, str],
    private: Path | None = None,
) -> dict[str, str]:
    """The program's environment: ours without our settings and credentials, then `added` on top.

    allowed: names that are passed on although they would be withheld. A proxy, a region or an endpoint
    is no secret and stays. private: a folder with PRIVATE_FOLDERS, for a user who may write nowhere else;
    root's HOME becomes `home` in it, another one is the image's own and stays.
    """
    env = {name: value for name, value in ours.items() if name in allowed or not _withheld(name.lower())}
    if "LD_LIBRARY_PATH_ORIG" in env:  # how launchers that change the path keep the image's own
        env["LD_LIBRARY_PATH"] = env["LD_LIBRARY_PATH_ORIG"]
    if identity.home is not None:
        env["HOME"] = identity.home
    if private is not None:
        home, tmp = PRIVATE_FOLDERS
        env["TMPDIR"] = str(private / tmp)
        if env.get("HOME", "") in _NOBODYS_HOME:
            env["HOME"] = str(private / home)
        for name in ("USER", "LOGNAME"):  # no file names this user, and much asks what it is called
            env.setdefault(name, _USER_NAME)
    return env | dict(added)


def _withheld(name: str) -> bool:
    return name in _WITHHELD or name.startswith(_WITHHELD_PREFIXES)


def _decoded(text: str | None, where: str) -> str | tuple[str, ...]:
    """The JSON in the base64; () where there is none."""
    if text is None or not text.strip():
        return ()
    remedy = 'Give the base64 of the JSON of it, such as ["program", "argument"] or "a line for the shell".'
    try:
        content = base64.b64decode("".join(text.split()), validate=True)  # base64(1) breaks its lines
    except ValueError:
        raise StartError(where, f"{text!r} is not base64.", remedy) from None
    try:
        value = msgspec.json.decode(content, type=str | tuple[str, ...] | None)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise StartError(
            where, f"{content!r} is neither a list of texts nor a text, in JSON.", remedy
        ) from None
    for argument in [value] if isinstance(value, str) else value or ():
        _no_nul(argument, where)
    return value or ()


def _no_nul(argument: str, where: str) -> str:
    if "\0" in argument:
        raise StartError(
            where, f"{argument!r} has a NUL character, which no argument can have.", "Leave it out."
        )
    return argument
