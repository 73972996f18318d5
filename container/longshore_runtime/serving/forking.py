"""Whether a process that has loaded a model can be forked, so that its workers share the model's memory.

A fork copies one thread, and every descriptor. So a library whose threads are gone may wait for them
for ever, one that has initialised CUDA fails, and workers that share a connection take each other's answers.
"""

from __future__ import annotations

import contextlib
import os
import random
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from longshore_runtime import machine

_SELF = Path("/proc/self")
# jemalloc's has fork handlers. pyarrow starts it when it is imported: by pandas, and so by scikit-learn.
_FORK_SAFE = ("jemalloc_bg_thd",)
# A pool that has been closed leaves its threads about to end, as multiprocessing's ThreadPool does, on which
# joblib and so scikit-learn compute: one time in seven they were still seen right after it. So there is more
# than one look; a number of them and no time, because the machine may stand still meanwhile.
_LOOKS, _BETWEEN_LOOKS_SECONDS = 20, 0.01
_GPUS = ("/dev/nvidia", "/dev/kfd", "/dev/dri/")


def descriptors() -> dict[int, str]:
    """This process's open descriptors, and what each is open to, in the kernel's words."""
    found = {}
    for link in (_SELF / "fd").iterdir():
        with contextlib.suppress(OSError):  # the one that listed them
            found[int(link.name)] = str(link.readlink())
    return found


def why_not(before: dict[int, str]) -> str | None:
    """What makes it unsafe to fork this process, in a few words; None where nothing does.

    before: the descriptors() from before the load. What is not imported by now is not imported to ask it.
    """
    threads = _threads()  # first, because those about to end may close what they have open
    opened = {fd: target for fd, target in descriptors().items() if before.get(fd) != target}
    return _gpu(opened) or threads or _processes() or _connections(opened) or _pools()


def _gpu(opened: dict[int, str]) -> str | None:
    is_initialized = getattr(getattr(sys.modules.get("torch"), "cuda", None), "is_initialized", None)
    if is_initialized is not None and is_initialized():
        return "torch has initialised CUDA"
    used = next((target for target in opened.values() if target.startswith(_GPUS)), None)
    return None if used is None else f"it uses a GPU ({used})"


def _threads() -> str | None:
    names = _left(_python_threads)
    return f"it has started threads ({', '.join(names)})" if names else None


def _processes() -> str | None:
    children = machine.children(os.getpid())
    return f"it has started processes ({', '.join(map(str, sorted(children)))})" if children else None


def _connections(opened: dict[int, str]) -> str | None:
    """Workers would share a connection, and the place in a file. A file that is mapped is shared well."""
    mapped = {line.split(maxsplit=5)[-1] for line in (_SELF / "maps").read_text().splitlines()}
    for fd, target in opened.items():
        with contextlib.suppress(OSError):  # closed meanwhile, by a thread that Python does not know
            if target not in mapped and not stat.S_ISCHR(os.fstat(fd).st_mode):
                return f"it has left {target} open"
    return None


def _pools() -> str | None:
    """Threads that Python does not know: OpenMP's, for example.

    OpenBLAS ends its own before a fork, and starts them again when they are needed: so one fork comes first.
    """
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    count = len(_left(_native_threads))
    return f"native threads run ({count}, of OpenMP for example)" if count else None


def _left(running: Callable[[], list[str]]) -> list[str]:
    """What is running once that which is about to end has had the time to."""
    for _ in range(_LOOKS):
        if not (names := running()):
            break
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    return names


def _python_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]


def _native_threads() -> list[str]:
    names = []
    for task in (_SELF / "task").iterdir():
        if int(task.name) != os.getpid():
            with contextlib.suppress(OSError):  # it has just ended
                names.append((task / "comm").read_text().strip())
    return [name for name in names if name not in _FORK_SAFE]


def reseed() -> None:
    """In a worker that has been forked: random numbers of its own, where libraries keep a state for all."""
    random.seed()
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()
    if (torch := sys.modules.get("torch")) is not None:
        torch.seed()
