"""Where an object lies below the prefix that named it."""

from __future__ import annotations

from longshore.emulator.faults import Failure


def below(prefix: str, key: str) -> str:
    """The key without its prefix, as SageMaker lays objects out in folders.

    A prefix counts as a folder where the key goes on with a slash; one that is no folder, such as a whole key
    or the beginning of a name, counts up to its last slash. Failure for a key that would leave the folder.
    """
    if prefix and not prefix.endswith("/") and key.startswith(prefix + "/"):
        prefix += "/"
    name = key[prefix.rfind("/") + 1 :]
    if ".." in name.split("/") or name.startswith("/") or "\0" in name:
        raise Failure(f"ClientError: Data download failed: the key {key!r} cannot be a file's path.")
    return name
