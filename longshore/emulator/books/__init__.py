"""The books that moto keeps, in this process: S3, IAM, CloudWatch Logs and all the other services.

The only package that touches moto. Its server answers what clients ask over HTTP (`Books.application`); the
emulator's own work goes past HTTP, through the methods here. moto is imported by the first of them, not
before. Its mocks are never switched on, so that this process's own requests go where they are sent.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from longshore.emulator.books.dispatcher import Dispatcher, Operation
from longshore.emulator.books.objects import Content, Shelf
from longshore.emulator.books.patched import filter_by_prefix, leave_out_aws_policies
from longshore.emulator.books.s3_patches import keep_on
from longshore.emulator.books.sns_deliveries import deliver_over_http
from longshore.emulator.books.uploads import Uploads
from longshore.emulator.faults import AwsError


class StoredObject(NamedTuple):
    """An object of S3. size: bytes; modified: seconds since the epoch; etag without quotes."""

    key: str
    size: int
    etag: str
    modified: float


class LoggedLine(NamedTuple):
    """A line of CloudWatch Logs. when: seconds since the epoch."""

    when: float
    text: str


class Books:
    """moto's backends for one account and region. folder: where the objects' contents lie, as files."""

    def __init__(self, account: str, region: str, folder: Path, *, keep: bool = False) -> None:
        _forget_settings_of_moto()
        os.environ["MOTO_ACCOUNT_ID"] = account  # moto reads it at every request
        os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"  # AWS's own, which clients attach to roles
        from moto.core.utils import utcnow  # noqa: F401  # the import that takes long, once

        self.account = account
        self.region = region
        self.shelf = Shelf(folder, keep=keep)
        self._undo = ExitStack()
        keep_on(self.shelf, self._undo)
        filter_by_prefix(self._undo)
        leave_out_aws_policies(self._undo)
        self.changed: Callable[[], None] = lambda: None  # called after each change
        # Of services that moto does not answer for, by 'service:Operation'.
        self.operations: dict[str, Operation] = {}
        self._log_lock = threading.Lock()
        self._application: Any = None

    def close(self) -> None:
        """Leave moto as it was."""
        self._undo.close()

    @property
    def application(self) -> Any:
        """The WSGI application for all services that moto keeps. Raises AwsError for requests it refuses."""
        if self._application is None:
            self._application = Uploads(self.shelf, Dispatcher(self.region, self.operations, self._undo))
        return self._application

    # S3

    def bucket_exists(self, bucket: str) -> bool:
        """Whether there is a bucket of this name."""
        return bucket in self._s3.buckets

    def create_bucket(self, bucket: str) -> None:
        """Make a bucket; nothing where it is there."""
        if not self.bucket_exists(bucket):
            self._s3.create_bucket(bucket, self.region)
            self.changed()

    def list_objects(self, bucket: str, prefix: str = "") -> list[StoredObject]:
        """The objects whose keys begin so, sorted by key; AwsError where there is no such bucket."""
        if not self.bucket_exists(bucket):
            raise AwsError("ValidationException", f'No S3 bucket is named "{bucket}".')
        keys = self._s3.buckets[bucket].keys
        found = []
        for name in sorted(name for name in list(keys.keys()) if name.startswith(prefix)):
            key = self._s3.get_object(bucket, name)
            if key is not None:
                found.append(_stored(key))
        return found

    def find_object(self, bucket: str, key: str) -> StoredObject | None:
        """What is known of one object; None where it or its bucket is not there."""
        found = self._s3.get_object(bucket, key) if self.bucket_exists(bucket) else None
        return _stored(found) if found is not None else None

    @contextmanager
    def read(self, bucket: str, key: str) -> Iterator[IO[bytes]]:
        """An object as a stream that can seek; AwsError where it is not there."""
        content = self.content(bucket, key)
        if content is None:
            raise AwsError("ValidationException", f"There is no S3 object s3://{bucket}/{key}.")
        with content.open() as stream:
            yield stream

    def content(self, bucket: str, key: str, version: str | None = None) -> Content | None:
        """Where an object's bytes are; None where it is not there."""
        found = self._s3.get_object(bucket, key, version) if self.bucket_exists(bucket) else None
        return found._value_buffer if found is not None else None

    def part_sizes(self, bucket: str, key: str, version: str | None = None) -> list[int]:
        """Return the sizes of the parts that an object was uploaded in; none if it was not."""
        found = self._s3.get_object(bucket, key, version)
        if found is None or found.multipart is None or "-" not in found.etag:
            return []
        return [found.multipart.parts[number].contentsize for number in found.multipart.partlist]

    def write(self, bucket: str, key: str, source: Path | bytes, content_type: str | None = None) -> None:
        """Put an object: bytes, or a file, which is moved away; AwsError where there is no such bucket."""
        if not self.bucket_exists(bucket):
            raise AwsError("ValidationException", f'No S3 bucket is named "{bucket}".')
        put = self._s3.put_object(bucket, key, source)
        if content_type:
            put.set_metadata({"Content-Type": content_type})
        self.changed()

    # CloudWatch Logs

    def log(self, group: str, stream: str, events: Iterable[tuple[float, str]]) -> None:
        """Append lines (seconds since the epoch, text) to a stream, which is made where it is not there."""
        with self._log_lock:
            self._logs.ensure_log_group(group)
            self._logs.ensure_log_stream(group, stream)
            batch = [{"timestamp": int(when * 1000), "message": text} for when, text in events]
            if batch:
                self._logs.groups[group].put_log_events(stream, batch)
                self.changed()

    def log_after(
        self, group: str, prefix: str, seen: Mapping[str, int], *, most: int, streams: int
    ) -> dict[str, tuple[int, list[LoggedLine]]]:
        """What came to each stream whose name begins so after as many of its lines as were seen.

        By stream: the number of its lines, and the last of the new ones, `most` at most. Of the streams, the
        newest alone.
        """
        with self._log_lock:
            found = self._logs.groups.get(group)
            kept = list(found.streams.items()) if found is not None else []
        after = {}
        for name, stream in [one for one in kept if one[0].startswith(prefix)][-streams:]:
            count = len(stream.events)
            new = stream.events[max(seen.get(name, 0), count - most) : count]
            after[name] = (count, [LoggedLine(event.timestamp / 1000, event.message) for event in new])
        return after

    # CloudWatch

    def measure(self, namespace: str, name: str, value: float, unit: str, **dimensions: str) -> None:
        """A data point of a metric, now."""
        from moto.cloudwatch.models import cloudwatch_backends

        cloudwatch_backends[self.account][self.region].put_metric_data(
            namespace,
            [
                {
                    "MetricName": name,
                    "Value": value,
                    "Unit": unit,
                    "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
                }
            ],
        )

    # IAM

    def trust_of_role(self, arn: str) -> str | None:
        """A role's trust policy, as JSON; None where there is no such role."""
        from moto.iam.models import iam_backends

        for role in iam_backends[self.account]["global"].get_roles():
            if role.arn == arn:
                return str(role.assume_role_policy_document)
        return None

    def create_role(self, name: str, trust: str) -> None:
        """Make a role; nothing where it is there."""
        from moto.iam.models import iam_backends

        backend = iam_backends[self.account]["global"]
        if all(role.name != name for role in backend.get_roles()):
            backend.create_role(name, trust, "/", None, "", [], "3600")

    # SNS

    def publish(self, topic: str, message: str) -> bool:
        """Send a message to a topic's subscribers, HTTP addresses too; False where there is no topic."""
        deliver_over_http(self._undo)  # only now, because moto's SNS takes long to import
        from moto.sns.models import sns_backends

        found = sns_backends[self.account][self.region].topics.get(topic)
        if found is not None:
            found.publish(message)
        return found is not None

    @property
    def _s3(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[self.account]["aws"]

    @property
    def _logs(self) -> Any:
        from moto.logs.models import logs_backends

        return logs_backends[self.account][self.region]


def _stored(key: Any) -> StoredObject:
    return StoredObject(key.name, key.contentsize, key.etag.strip('"'), key.last_modified.timestamp())


def _forget_settings_of_moto() -> None:
    """Remove from the environment what changes moto's behavior; some of it has moto open connections."""
    others = (
        "INITIAL_NO_AUTH_ACTION_COUNT",
        "TEST_SERVER_MODE",
        "TEST_PROXY_MODE",
        "S3_UPLOAD_PART_MIN_SIZE",
    )
    for name in list(os.environ):
        if name.startswith("MOTO_") or name in others:
            del os.environ[name]
