"""How a container starts, in all the ways in which SageMaker starts one (A1 to A9, A17, B7, C2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from longshore import limits
from longshore.check.processes import listening_ports
from longshore.check.rule import (
    Group,
    NotTried,
    Outcome,
    Severity,
    failed,
    not_applicable,
    not_tried,
    passed,
    rule,
)
from longshore.check.rules.image import BIND_TO_PORT
from longshore.check.served import How, NotReady, Server
from longshore.check.session import Session

_SECOND_PORT = 9123  # any that is not 8080
_ODD_USER = "54321:54321"


@rule(
    "A9-starts",
    Severity.ERROR,
    Group.START,
    "`serve` answers /ping with 200 within 8 minutes",
    "Otherwise the endpoint fails: it did not pass the ping health check.",
)
def starts(session: Session) -> Outcome:
    try:
        server = session.base()
    except NotTried as why_not:
        reason = str(why_not).partition(", see A9-starts: ")[2]
        if not reason:
            raise
        return failed(reason, "See its last lines; then try it by hand: docker run IMAGE serve.")
    if server.ready_seconds is None:
        seen = server.ping()
        return passed(str(seen)) if seen.status == 200 else failed(str(seen), "Start it, or mend /ping.")
    return passed(f"after {server.ready_seconds:.2f} s")


@rule(
    "B7-starts-soon",
    Severity.WARNING,
    Group.START,
    "It is ready within 3 minutes",
    "A serverless endpoint waits no longer.",
    needs="image",
)
def starts_soon(session: Session) -> Outcome:
    seconds = session.base().ready_seconds
    if seconds is None:
        raise NotTried("needs an image or a path")
    if seconds > limits.SERVERLESS_STARTUP_SECONDS:
        return failed(f"{seconds:.0f} s", "Load less before the server starts, or have a smaller model.")
    return passed(f"after {seconds:.2f} s")


@rule(
    "A17-model-read-only",
    Severity.ERROR,
    Group.START,
    "It starts with a model folder that cannot be written to",
    "SageMaker mounts /opt/ml/model read-only.",
    needs="image",
)
def model_read_only(session: Session) -> Outcome:
    server = session.base()
    server.running  # noqa: B018  # a URL has none
    if server.how.model_read_only:
        return passed()
    return failed(
        "it starts only where /opt/ml/model can be written to",
        "Write caches elsewhere, below TMPDIR for example.",
    )


def _answers(session: Session, how: How) -> str | None:
    """None where a container started so serves as the shared one does; otherwise what went wrong."""
    try:
        with session.ready(how) as server:
            try:
                payload = session.valid()
            except NotTried:
                return None
            answer = session.answer_of(server.client, payload)
            return None if answer.ok else str(answer)
    except NotReady as why_not:
        return str(why_not)


_FILL = "LONGSHORE_CHECK_FILL_"


def _many() -> dict[str, str]:
    """As many variables as a model may have, one with the longest name, one with the longest value; under 32
    KB."""
    names = [f"{_FILL}{n:03d}" for n in range(limits.ENVIRONMENT_MAX - 3)]
    variables = dict.fromkeys(names, "x" * 200)
    variables["N" * limits.ENVIRONMENT_TEXT_MAX] = "a long name"
    variables["LONGSHORE_CHECK_LONG"] = "v" * limits.ENVIRONMENT_TEXT_MAX
    return variables


_ODD_VALUES = {
    "LONGSHORE_CHECK_EMPTY": "",
    "LONGSHORE_CHECK_QUOTES": "a \"double\" and a 'single' one",
    "LONGSHORE_CHECK_LINES": "two\nlines",
    "LONGSHORE_CHECK_UNICODE": "Größe 大きさ 🚢",
    "LONGSHORE_CHECK_SHELL": "$(false) `false` ${HOME} %s \\ ; & | *",
    "LONGSHORE_CHECK_JSON": '{"a": [1, 2, null]}',
}
# What a batch job sets; the SDK's local mode writes True.
_BATCH = {
    "SAGEMAKER_BATCH": "true",
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": "6",
    "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD",
    "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "1",
}

# Each of these is a start of its own only where a start with all of them at once fails: a container that
# serves with all of them serves with each.
_WAYS: dict[str, Callable[[How], How]] = {
    "A4-any-user": lambda how: replace(how, user=_ODD_USER),
    "A4-read-only-root": lambda how: replace(how, read_only_root=True),
    "A5-no-network": lambda how: replace(how, network=False),
    "A6-many-variables": lambda how: how.with_environment(**_many()),
    "A6-odd-values": lambda how: how.with_environment(**_ODD_VALUES),
    "C2-batch": lambda how: how.with_environment(**_BATCH),
    "C2-batch-local": lambda how: how.with_environment(**{**_BATCH, "SAGEMAKER_BATCH": "True"}),
}


def _together(session: Session) -> frozenset[str]:
    """The ways in which it certainly serves: all that this engine can do, if it serves with all of them."""
    how, tried = session.usual(), set()
    for way, change in _WAYS.items():
        if way != "C2-batch-local" and way not in _impossible(session):
            how = change(how)
            tried.add(way)
    # No more variables than a model may have in all.
    fill = [name for name in how.environment if name.startswith(_FILL)]
    surplus = set(fill[: max(0, len(how.environment) - limits.ENVIRONMENT_MAX)])
    how = replace(how, environment={n: v for n, v in how.environment.items() if n not in surplus})
    try:
        return frozenset() if _answers(session, how) else frozenset(tried)
    except NotTried:
        return frozenset()


def _impossible(session: Session) -> dict[str, str]:
    """The ways this engine has not, with its reason for each."""

    def ask() -> dict[str, str]:
        found = {}
        if session.on_host:
            found["A4-any-user"] = "a checkout's files belong to this machine's user: check the image"
            found["A5-no-network"] = "a program of this machine keeps its network: check the image"
        for way in ("A4-any-user", "A4-read-only-root", "A5-no-network"):
            if way in found:
                continue
            try:
                with session.started(_WAYS[way](session.usual())) as server:
                    server.client  # noqa: B018  # it may be out of reach
            except NotTried as why_not:
                found[way] = str(why_not)
        return found

    return session.once("impossible", ask)


def _way(session: Session, way: str, remedy: str) -> Outcome:
    if way in session.once("together", lambda: _together(session)):
        return passed("served so, together with the other ways to start")
    if why_not := _impossible(session).get(way):
        return not_tried(why_not)
    wrong = _answers(session, _WAYS[way](session.usual()))
    return passed() if wrong is None else failed(wrong, remedy)


def _start_rule(id: str, severity: Severity, group: Group, title: str, why: str, remedy: str) -> None:
    rule(id, severity, group, title, why, needs="image", alone=True)(
        lambda session: _way(session, id, remedy)
    )


_start_rule(
    "A4-any-user",
    Severity.WARNING,
    Group.START,
    "It serves as any user id",
    "Serverless endpoints run it as a user that is not in its /etc/passwd and owns none of its files.",
    "Write below TMPDIR only, read what everyone can read, and do not look up the user's name or home.",
)
_start_rule(
    "A4-read-only-root",
    Severity.NOTE,
    Group.START,
    "It serves with a read-only file system and a writable /tmp",
    "No source says which paths can be written to; /tmp is what all agree on.",
    "Write below TMPDIR only.",
)
_start_rule(
    "A5-no-network",
    Severity.ERROR,
    Group.START,
    "It serves without a network",
    "With network isolation there is none: no download at the start, no S3, no credentials.",
    "Put all it needs into the image or the model's archive.",
)
_start_rule(
    "A6-many-variables",
    Severity.ERROR,
    Group.START,
    "It serves with 100 environment variables, of up to 1024 characters",
    "A model may have so many.",
    "Ignore variables you do not know, and copy none into fixed buffers or command lines.",
)
_start_rule(
    "A6-odd-values",
    Severity.ERROR,
    Group.START,
    "It serves with variables of every odd character",
    "Quotes, line ends and other scripts are all allowed in a variable's value.",
    "Quote what a start script expands, and do not write the environment into configuration files.",
)
_start_rule(
    "C2-batch",
    Severity.ERROR,
    Group.BATCH,
    "It serves with the variables of a batch job",
    "A transform job starts the same `serve` with SAGEMAKER_BATCH=true.",
    "Serve as ever where SAGEMAKER_BATCH is set.",
)
_start_rule(
    "C2-batch-local",
    Severity.WARNING,
    Group.BATCH,
    "It serves with SAGEMAKER_BATCH=True",
    "The SageMaker SDK's local mode writes it with a capital letter.",
    "Read SAGEMAKER_BATCH whatever its case.",
)


@rule(
    "A7-bind-to-port",
    Severity.WARNING,
    Group.START,
    "It listens on the port in SAGEMAKER_BIND_TO_PORT",
    "Where several containers share an instance each gets a port of its own.",
    needs="image",
    alone=True,
)
def bind_to_port(session: Session) -> Outcome:
    wrong = _on_second_port(session)
    if wrong is None:
        return passed(f"with SAGEMAKER_BIND_TO_PORT={_SECOND_PORT}")
    return failed(f"SAGEMAKER_BIND_TO_PORT={_SECOND_PORT}: {wrong}", "Listen there, and on 8080 without it.")


def _on_second_port(session: Session) -> str | None:
    def ask() -> str | None:
        usual = session.usual()
        if session.on_host:
            return None  # the shared one was started so: on this machine its port is any that is free
        how = replace(usual, port=_SECOND_PORT).with_environment(
            SAGEMAKER_BIND_TO_PORT=str(_SECOND_PORT), SAGEMAKER_SAFE_PORT_RANGE="9124-9140"
        )
        with session.started(how) as server:
            # It is up as fast as the first one was, or not at all: it need not be waited for so long.
            seconds = 5 * (session.base().ready_seconds or 0) + session.options.settle
            seen = server.wait_for(lambda answer: answer.status == 200, seconds)
            return None if seen is not None else server.why_not_ready

    return session.once("second port", ask)


@rule(
    "A7-label-is-true",
    Severity.ERROR,
    Group.START,
    "What the label accept-bind-to-port claims is true",
    "SageMaker relies on it: an endpoint of several containers never becomes healthy.",
    needs="image",
    alone=True,
)
def label_is_true(session: Session) -> Outcome:
    if session.image().labels.get(BIND_TO_PORT) != "true":
        return not_applicable("the image has no such label")
    wrong = _on_second_port(session)
    return passed() if wrong is None else failed(wrong, "Listen on that port, or remove the label.")


@rule(
    "A7-no-other-port",
    Severity.WARNING,
    Group.START,
    "It listens on no other port",
    "A second port may clash with another container's; SAGEMAKER_SAFE_PORT_RANGE says which may be used.",
    needs="image",
)
def no_other_port(session: Session) -> Outcome:
    server: Server = session.base()
    found = listening_ports(server.running)
    own = server.running.address
    allowed = {limits.PORT, own[1] if own else limits.PORT}
    other = sorted(found - allowed)
    if other:
        return failed(
            f"it listens on {', '.join(map(str, other))}, too", "Use a unix socket between its processes."
        )
    return passed(f"it listens on {', '.join(map(str, sorted(found)))}")
