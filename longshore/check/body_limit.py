"""Whether a container limits the size of bodies: large and small bodies of the same kind, compared."""

from __future__ import annotations

from longshore import limits
from longshore.check import payloads
from longshore.check.exchange import CLOSED_WHILE_SENDING, Exchange
from longshore.check.large import Padding, paddings
from longshore.check.payloads import Payload
from longshore.check.rule import NotTried, Outcome, failed, not_tried, passed
from longshore.check.session import Session

_SIZES_MB = (1, 2, 4, 5, 6, 8, 10, 16, 25, 50)  # to find the limit where the whole body is refused
_TOO_LARGE = 413


def valid_or_guess(session: Session) -> Payload:
    """Return the valid payload, or any if none is known, for rules where the type is enough."""
    try:
        return session.valid()
    except NotTried:
        return Payload(b"[[1.0]]", payloads.JSON, "a guess", guessed=True)


def takes(session: Session, megabytes: int, remedy: str) -> Outcome:
    """Check that a body of so many MB gets an answer.

    A limit is blamed only for a 413, for a connection that is closed while the body is being sent, or for
    another answer than a smaller body gets that differs in nothing but its padding.
    """
    payload = valid_or_guess(session)
    size = megabytes * limits.MB
    reasons = []
    for padding in paddings(payload, size):
        post = _Post(session, payload, padding)
        small, large = post.small(), post.large(size)
        if large.ok:
            return passed(f"{large} ({padding.what})")
        if large.status == _TOO_LARGE and small.status != _TOO_LARGE:
            return failed(_limit(post, large, megabytes), remedy)
        if not small.ok:
            reasons.append(f"{padding.what}: {small} even for a small one")
        elif large.late:
            reasons.append(f"{padding.what}: {large}")
        elif large.failure == CLOSED_WHILE_SENDING:
            return failed(_limit(post, large, megabytes), remedy)
        elif not post.as_long(size):
            reasons.append(f"{padding.what}: {large}, but it may be the length of the blanks")
        elif (taken := _largest_taken(post, megabytes)) is None:
            reasons.append(f"{padding.what}: {large}, but it refuses 1 MB as well, so it may be the padding")
        elif post.large(size).ok:
            reasons.append(f"{padding.what}: {large}, but an answer the second time")
        else:
            return failed(f"{large}; with {taken} MB of the same kind: {small.status}", remedy)
    why = "no valid payload is known" if payload.guessed else "no large body is known that the model takes"
    return not_tried(f"{why}; give one with --payload FILE ({'; '.join(reasons)})")


class _Post:
    """Sends the payload with one kind of padding."""

    def __init__(self, session: Session, payload: Payload, padding: Padding) -> None:
        self._client = session.client
        self._type = payload.content_type
        self._padding = padding

    def small(self) -> Exchange:
        return self._client.post(self._padding.small(), self._type)

    def large(self, size: int) -> Exchange:
        return self._client.post(self._padding.large(size), self._type)

    def as_long(self, size: int) -> bool:
        """Whether a small body is answered that has as many blanks in a row as the large one."""
        if self._padding.as_long is None:
            return True
        return self._client.post(self._padding.as_long(size), self._type).ok


def _limit(post: _Post, large: Exchange, megabytes: int) -> str:
    """Describe a refusal, with the smallest size that is refused as well."""
    for size in _SIZES_MB:
        if size >= megabytes:
            break
        tried = post.large(size * limits.MB)
        if tried.status == _TOO_LARGE or tried.failure == CLOSED_WHILE_SENDING:
            return f"{large}; already with {size} MB: {tried.status or tried.failure}"
    return str(large)


def _largest_taken(post: _Post, megabytes: int) -> int | None:
    """Return the largest size in MB that is answered; None if not even 1 MB is."""
    taken = None
    for size in _SIZES_MB:
        if size >= megabytes or not post.large(size * limits.MB).ok:
            break
        taken = size
    return taken
