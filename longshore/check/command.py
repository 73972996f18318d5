"""`longshore check`: options, the progress display, what is written where."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from longshore import limits
from longshore.check import layout
from longshore.check.client import Address, Client
from longshore.check.options import TRAINING_SECONDS, Options
from longshore.check.payloads import Payload, content_type_of
from longshore.check.rule import Group, Rule
from longshore.check.runner import Result, run
from longshore.check.session import NO_MODEL, Session
from longshore.engines.base import HOST_PREFIX, Engine
from longshore.errors import UserError

COULD_NOT_RUN = 3
_WITHOUT_A_MODEL = (Group.IMAGE, Group.TRAINING, Group.PROCESSING)
_WIDTH = 160  # columns where the output is no terminal


@click.command()
@click.argument("target", metavar="IMAGE | PATH | URL", required=False)
@click.option(
    "--payload",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A body that the model answers; a project's local_test/payload.* unless given.",
)
@click.option("--content-type", help="The payload's type; by its file's name unless given.")
@click.option(
    "--model",
    type=click.Path(exists=True, path_type=Path),
    help="A folder or model.tar.gz for /opt/ml/model; unless given, a project's local_test/test_dir/model "
    "or what `train` makes.",
)
@click.option(
    "--training",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with a folder per channel, or one laid out as /opt/ml/input; defaults to a project's "
    "local_test/test_dir/input.",
)
@click.option(
    "--env", "variables", multiple=True, metavar="NAME=VALUE", help="A variable for every container."
)
@click.option("--only", multiple=True, metavar="RULE|GROUP", help="Only these: A3-drains, A3, training.")
@click.option("--skip", multiple=True, metavar="RULE|GROUP", help="All but these.")
@click.option(
    "--start-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=limits.STARTUP_SECONDS,
    show_default=True,
    help="How long a start may take; SageMaker's own limit unless given.",
)
@click.option(
    "--training-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=TRAINING_SECONDS,
    show_default=True,
    help="How long a training or processing job may take.",
)
@click.option("--json", "json_file", metavar="FILE", help="Write the report as JSON; - for standard output.")
@click.option("--junit", "junit_file", metavar="FILE", help="Write it as JUnit's XML.")
@click.option("--list", "list_rules", is_flag=True, help="Print all rules and end.")
def check(
    target: str | None,
    payload: Path | None,
    content_type: str | None,
    model: Path | None,
    training: Path | None,
    variables: tuple[str, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    start_seconds: float,
    training_seconds: float,
    json_file: str | None,
    junit_file: str | None,
    list_rules: bool,
) -> int:
    """Play SageMaker against an image, a project or a URL, and report rule by rule.

    The exit code is 0 if no error failed (warnings and notes may have), 1 if one did, 2 for a malformed
    command line, 3 if nothing could be tried.
    """
    from rich.console import Console

    from longshore.check import report
    from longshore.check.rules import RULES
    from longshore.check.select import select

    rules = select(RULES, only, skip)
    out = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    if list_rules:
        report.show_rules(out, rules)
        return 0
    if not target:
        raise click.UsageError("name what to check: an image, a project's folder, or a URL.")
    if content_type is not None and payload is None:
        raise click.UsageError("--content-type says what --payload FILE is: give both.")
    if json_file == junit_file == "-":
        raise click.UsageError("--json and --junit cannot both be standard output: name a file for one.")
    for file in (json_file, junit_file):
        _make_sure_of(file)
    if training is not None and (wrong := layout.wrong_input(training)):
        raise click.BadParameter(
            f"{wrong}: give a folder with a folder per channel (DIR/CHANNEL/FILE), or one laid out as "
            "/opt/ml/input (DIR/data/CHANNEL/FILE, DIR/config/hyperparameters.json).",
            param_hint="--training",
        )
    options = Options(
        payload=_payload(payload, content_type),
        model=model,
        training=training,
        environment=_environment(variables),
        start_seconds=start_seconds,
        training_seconds=training_seconds,
    )
    engine, name = find(target)
    begun = time.monotonic()
    with _ends_like_ctrl_c(), Session(engine, name, options) as session:
        if model is not None:
            session.model()  # a UserError here, and not a reason at each rule, where it cannot be unpacked
        if session.needs_a_model() and any(rule.group not in _WITHOUT_A_MODEL for rule in rules):
            click.echo(f"{target}: {NO_MODEL}. Rules that need one are not tried.", err=True)
        results = _with_progress(session, rules)
    seconds = time.monotonic() - begun
    if json_file != "-":
        report.show(out, target, results, seconds)
    _write(json_file, report.as_json(target, results, seconds))
    _write(junit_file, report.as_junit(target, results, seconds))
    return report.exit_code(results)


def find(target: str) -> tuple[Engine | None, str]:
    """The engine that runs it, None for a URL, and the name it has there. UserError where there is no such
    thing.

    What begins like a path is one. Another name is a folder's here, where that has something to run, and else
    an image's: a checkout may have a folder that is called as its image.
    """
    if "://" in target:
        return None, _answering(target)
    path = Path(target.removeprefix(HOST_PREFIX)).expanduser()
    is_path = target.startswith((HOST_PREFIX, ".", "/", "~"))
    on_host = f"{HOST_PREFIX}{path.resolve()}"
    try:
        if is_path or (path.exists() and _has_programs(on_host)):
            return _known(on_host)
        return _known(target)
    except UserError as error:
        where, remedy = error.where, error.remedy
        if is_path:
            where = target
        elif path.exists():
            remedy += f" What lies at ./{target} has nothing to run, either."
        else:
            remedy += " There is no file or folder of this name, either."
        raise UserError(where, error.what, remedy, exit_code=COULD_NOT_RUN) from None


def _known(name: str) -> tuple[Engine, str]:
    """UserError where its engine has no image of this name."""
    from longshore.engines.choose import choose

    engine = choose(name)
    engine.image(name)
    return engine, name


def _has_programs(name: str) -> bool:
    try:
        _known(name)
    except UserError:
        return False
    return True


def _answering(url: str) -> str:
    """The URL, where somebody answers there."""
    try:
        address = Address.of(url)
    except ValueError as error:
        raise UserError(url, f"{error}.", "Give it as http://HOST:PORT.") from None
    seen = Client(address, limits.PING_SECONDS).get("/ping")
    if seen.status is None:
        raise UserError(
            url,
            f"nobody answers there: {seen}.",
            "Start it first; or give its image or its folder, which is started for you.",
            exit_code=COULD_NOT_RUN,
        )
    return url


def _payload(file: Path | None, content_type: str | None) -> Payload | None:
    if file is None:
        return None
    return Payload(file.read_bytes(), content_type or content_type_of(file), str(file))


def _environment(variables: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in variables:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"'{text}' is not NAME=VALUE.", param_hint="--env")
        found[name] = value
    return found


def _with_progress(session: Session, rules: list[Rule]) -> list[Result]:
    """Run them; on a terminal with a bar, which is gone at the end."""
    if not sys.stderr.isatty():
        session.notice = lambda text: click.echo(text, err=True)
        return run(session, rules)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    # What runs is cut where the terminal is narrow, and not the bar.
    running = TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True))
    columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), running)
    lock = threading.Lock()
    now: list[str] = []
    with Progress(*columns, console=Console(stderr=True), transient=True, expand=True) as progress:
        task = progress.add_task("", total=len(rules))
        session.notice = lambda text: progress.console.print(text, markup=False, highlight=False)

        def begun(rule: Rule) -> None:
            with lock:
                now.append(rule.id)
                progress.update(task, description=", ".join(now))

        def told(result: Result) -> None:
            with lock:
                now.remove(result.rule.id)
                progress.update(task, advance=1, description=", ".join(now))

        return run(session, rules, told, begun)


def _make_sure_of(file: str | None) -> None:
    """UserError where a report could not be written: before the check, which takes minutes, and not after."""
    if file is None or file == "-":
        return
    is_new = not Path(file).exists()
    with _writing(file):
        Path(file).open("a").close()
        if is_new:
            Path(file).unlink()


def _write(file: str | None, text: str) -> None:
    if file == "-":
        click.echo(text, nl=False)
    elif file is not None:
        with _writing(file):
            Path(file).write_text(text, encoding="utf-8")


@contextmanager
def _writing(file: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(file, f"it cannot be written: {error.strerror}.", "Name another file.") from None


@contextmanager
def _ends_like_ctrl_c() -> Iterator[None]:
    """SIGTERM ends the check as Ctrl-C does: with no container left."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
