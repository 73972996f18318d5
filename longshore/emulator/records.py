"""What the emulator knows of its models, endpoints and jobs: a dictionary each, as Describe answers it.

moto keeps records of these too, but drops half of what a request says and calls every job completed as it
begins. Times are seconds since the epoch, as JSON 1.1 has them, so that a record is JSON as it stands:
answered as it is, and kept as it is under --state. All methods may be called from any thread; what they
return is the caller's own.
"""

from __future__ import annotations

import collections
import copy
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from longshore.emulator.kinds import KINDS, Kind, KindName

__all__ = ["KINDS", "Kind", "KindName", "Record", "Records"]

_STEPS = 50  # statuses that are remembered of each record

Record = dict[str, Any]


class Records:
    """All records of one account in one region. changed: called after each change, outside the lock."""

    def __init__(self, account: str, region: str, partition: str = "aws") -> None:
        self._prefix = f"arn:{partition}:sagemaker:{region}:{account}"
        self._lock = threading.RLock()
        self._kinds: dict[KindName, dict[str, Record]] = {name: {} for name in KINDS}
        self._steps: dict[tuple[KindName, str], collections.deque[tuple[float, str]]] = {}
        self._version = 0
        self.changed: Callable[[], None] = lambda: None

    @property
    def version(self) -> int:
        """A number that is another one after each change."""
        return self._version

    def arn(self, kind: KindName, name: str) -> str:
        """The ARN that a record of this name has; SageMaker writes names in ARNs in lower case."""
        return f"{self._prefix}:{kind}/{name.lower()}"

    def create(self, kind: KindName, name: str, record: Record) -> Record:
        """Keep a new record, with its name, ARN and times; AwsError where the name is taken."""
        about = KINDS[kind]
        now = time.time()
        full = {
            **copy.deepcopy(record),
            f"{about.stem}Name": name,
            f"{about.stem}Arn": self.arn(kind, name),
            "CreationTime": now,
        }
        if about.dated:
            full["LastModifiedTime"] = now
        with self._lock:
            taken = next((other for other in self._kinds[kind] if other.lower() == name.lower()), None)
            if taken is not None:
                raise about.already_exists(name, self.arn(kind, taken))
            self._keep(about, name, full)
        self.changed()
        return copy.deepcopy(full)

    def get(self, kind: KindName, name: str) -> Record:
        """A record; AwsError 'Could not find ...' where there is none."""
        with self._lock:
            if name not in self._kinds[kind]:
                raise KINDS[kind].not_found(name, self.arn(kind, name))
            return copy.deepcopy(self._kinds[kind][name])

    def find(self, kind: KindName, name: str) -> Record | None:
        """A record, or None."""
        with self._lock:
            return copy.deepcopy(self._kinds[kind].get(name))

    def all(self, kind: KindName) -> list[Record]:
        """The records of a kind, in the order in which they were made."""
        with self._lock:
            return copy.deepcopy(list(self._kinds[kind].values()))

    def columns(self, kind: KindName, members: Iterable[str]) -> list[Record]:
        """Of each record these members alone, in the order in which they were made; what they hold is not to
        be changed. Quick where there are thousands.
        """
        with self._lock:
            records = list(self._kinds[kind].values())
        return [{member: record[member] for member in members if member in record} for record in records]

    def steps(self, kind: KindName, name: str) -> list[tuple[float, str]]:
        """When (seconds since the epoch) a record came to which status, since the emulator's start; the last
        50.
        """
        with self._lock:
            return list(self._steps.get((kind, name), ()))

    def update(self, kind: KindName, name: str, **members: Any) -> Record | None:
        """Set members and LastModifiedTime; one that is None goes. None where the record has gone."""
        return self.change(kind, name, lambda record: record.update(members))

    def change(self, kind: KindName, name: str, how: Callable[[Record], object]) -> Record | None:
        """Let `how` change the record, with nobody in between; where it raises nothing is changed."""
        with self._lock:
            current = self._kinds[kind].get(name)
            if current is None:
                return None
            fresh = copy.deepcopy(current)
            how(fresh)
            fresh = {key: value for key, value in fresh.items() if value is not None}
            if KINDS[kind].dated:
                fresh["LastModifiedTime"] = time.time()
            self._keep(KINDS[kind], name, fresh)
            result = copy.deepcopy(fresh)
        self.changed()
        return result

    def delete(self, kind: KindName, name: str) -> Record:
        """Remove a record and return it; AwsError where there is none."""
        with self._lock:
            record = self.get(kind, name)
            del self._kinds[kind][name]
            self._steps.pop((kind, name), None)
            self._version += 1
        self.changed()
        return record

    def by_arn(self, arn: str) -> tuple[KindName, str] | None:
        """Which record an ARN means."""
        with self._lock:
            for kind, records in self._kinds.items():
                for name in records:
                    if self.arn(kind, name) == arn:
                        return kind, name
        return None

    def dump(self) -> dict[str, Any]:
        """All of it, as JSON."""
        with self._lock:
            return {str(kind): copy.deepcopy(records) for kind, records in self._kinds.items()}

    def restore(self, dumped: dict[str, Any]) -> None:
        """What dump() returned takes the place of what is here."""
        with self._lock:
            for kind in KINDS:
                self._kinds[kind] = dict(dumped.get(kind, {}))
            self._version += 1

    def _keep(self, about: Kind, name: str, record: Record) -> None:
        self._kinds[about.name][name] = record
        self._version += 1
        if about.status is not None:
            steps = self._steps.setdefault((about.name, name), collections.deque(maxlen=_STEPS))
            if not steps or steps[-1][1] != record[about.status]:
                steps.append((record["LastModifiedTime"], record[about.status]))
