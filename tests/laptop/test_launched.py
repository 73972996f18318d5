"""A container of the emulator's that is taken away: what it wrote before is in its log."""

from __future__ import annotations

from tests.support.engines import Machine
from tests.support.programs import in_python

# In a process of its own: books are moto's of the whole process.
_TAKES_IT_AWAY = """
    import time
    from longshore.emulator.books import Books
    from longshore.emulator.containers import Fleet
    from longshore.emulator.owners import Owner
    from longshore.engines.base import Container, Mount
    from longshore.engines.choose import named
    from pathlib import PosixPath

    owner = Owner()
    books = Books("123456789012", "us-east-1", owner.folder / "objects")
    fleet = Fleet(lambda _: named({engine!r}), books, owner)
    slowly = lambda _: time.sleep(0.5)  # so that the last line is not read when the container has ended
    launched = fleet.start({container!r}, "/aws/sagemaker/group", "stream", slowly)
    launched.running.wait(30)
    launched.remove()
    print(*launched.tail())
    fleet.close()
    books.close()
    books.shelf.close()
    owner.close()
"""


def test_what_it_wrote_is_read_before_it_is_taken_away(machine: Machine) -> None:
    container = machine.container("echo first; sleep 0.2; echo last")
    printed = in_python(_TAKES_IT_AWAY.format(engine=machine.engine.name, container=container))
    assert printed.split() == ["first", "last"]
