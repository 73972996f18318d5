"""One transform job at work: instances started, objects shared among them, sent in order, and stored."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from longshore.emulator.faults import Failure
from longshore.emulator.jobs import inputs
from longshore.emulator.jobs.control import Control
from longshore.emulator.jobs.run import JobRun
from longshore.emulator.jobs.transform.objects import ObjectWork, Settings
from longshore.emulator.jobs.transform.plan import environment, plan
from longshore.emulator.jobs.transform.send import Sender
from longshore.emulator.jobs.transform.server import TransformInstance
from longshore.emulator.platform import Platform
from longshore.limits import TRANSFORM_RETRIES_RANGE, TRANSFORM_TIMEOUT_SECONDS


class TransformRun(JobRun):
    """A transform job's. `_Model` in its record is the model as it was: it may be deleted meanwhile."""

    kind = "transform-job"

    def __init__(self, platform: Platform, name: str, control: Control) -> None:
        super().__init__(platform, name, control)
        self._lock = threading.Lock()
        self._failures: list[str] = []

    def _run(self) -> None:
        source = self._record["TransformInput"]["DataSource"]["S3DataSource"]
        found = inputs.sources(self._platform.books, source["S3DataType"], source["S3Uri"])
        self._platform.records.update("transform-job", self._name, TransformStartTime=time.time())
        count = self._record["TransformResources"]["InstanceCount"]
        # An instance that would get no object is not started: it would only cost memory here.
        shares = [share for share in (found[number::count] for number in range(count)) if share]
        with ThreadPoolExecutor(max(1, len(shares))) as pool:
            for future in [pool.submit(self._instance, share) for share in shares]:
                future.result()
        if self._failures:
            more = f" ({len(self._failures) - 1} more objects failed)" if len(self._failures) > 1 else ""
            raise Failure(f"{self._failures[0]}{more}")
        self._finish("Completed")

    def _instance(self, share: list[inputs.Source]) -> None:
        with TransformInstance(
            self._platform, self._name, self._record["_Model"], environment(self._record), self._folder
        ) as instance:
            try:
                instance.start(self._control)
                self._send(instance, share)
            finally:
                if not self._control.closing.is_set():
                    instance.stop()

    def _send(self, instance: TransformInstance, share: list[inputs.Source]) -> None:
        has_all = self._record.get("MaxConcurrentTransforms") and {"MaxPayloadInMB", "BatchStrategy"} <= set(
            self._record
        )
        how = plan(self._record, {} if has_all else instance.execution_parameters())
        strategy = "SINGLE_RECORD" if how.single else "MULTI_RECORD"
        instance.data_log(
            f"MaxConcurrentTransforms={how.concurrency}, MaxPayloadInMB={(how.payload or 0) >> 20},"
            f" BatchStrategy={strategy}"
        )
        client = self._record.get("ModelClientConfig", {})
        given, wanted = self._record["TransformInput"], self._record["TransformOutput"]
        headers = {"Content-Type": given.get("ContentType"), "Accept": wanted.get("Accept")}
        sender = Sender(
            instance.addresses,
            {name: value for name, value in headers.items() if value},
            chunked=how.payload is None,
            timeout=client.get("InvocationsTimeoutInSeconds", TRANSFORM_TIMEOUT_SECONDS),
            retries=client.get("InvocationsMaxRetries", TRANSFORM_RETRIES_RANGE[1]),
            control=self._control,
        )
        work = ObjectWork(
            self._platform.books, Settings.of(self._record, how), sender, self._folder, self._control
        )
        for source, reason in work.run(share):
            instance.data_log(f"{source.uri.bucket}/{source.uri.key}: {reason}")
            if gone := instance.ended():
                raise Failure(reason + gone)  # the objects left would only wait for their turn to fail
            with self._lock:
                self._failures.append(reason)

    def _end(self, status: str, **members: Any) -> None:
        self._platform.records.update(
            "transform-job", self._name, TransformJobStatus=status, TransformEndTime=time.time(), **members
        )
