"""One training job at work: laid out, run, restarted where it is interrupted, its outputs uploaded (D)."""

from __future__ import annotations

import math
import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from longshore import limits
from longshore.emulator import opt_ml
from longshore.emulator.faults import Failure
from longshore.emulator.jobs import channels, cluster, history, inputs
from longshore.emulator.jobs.cluster import Host
from longshore.emulator.jobs.control import Control
from longshore.emulator.jobs.hosts import Hosts, Outcome, check_image
from longshore.emulator.jobs.metrics import Metrics
from longshore.emulator.jobs.pipes import Pipe
from longshore.emulator.jobs.reason import failure_reason
from longshore.emulator.jobs.run import JobRun
from longshore.emulator.jobs.upload import Follower, Uploads
from longshore.emulator.platform import Platform
from longshore.emulator.s3_uri import S3Uri, parse_s3_uri
from longshore.engines.base import HOST_PREFIX, Container, Line, Mount

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_CHECKPOINTS = "/opt/ml/checkpoints"
_NAMESPACE = "/aws/sagemaker/TrainingJobs"


class TrainingRun(JobRun):
    """A training job's."""

    kind = "training-job"

    def __init__(self, platform: Platform, name: str, control: Control) -> None:
        super().__init__(platform, name, control)
        self._algorithm = self._record["AlgorithmSpecification"]
        self._image: str = self._algorithm["TrainingImage"]
        self._hosts = cluster.hosts_of(self._record["ResourceConfig"])
        self._channels = channels.parse(self._record)
        self._metrics = Metrics(self._algorithm.get("MetricDefinitions", []))
        self._uploads = Uploads(platform.books, self._folder, control.check_closing)
        self._started = time.monotonic()
        self._training_seconds = 0.0

    def _run(self) -> None:
        condition = self._record["StoppingCondition"]
        longest: float = condition["MaxRuntimeInSeconds"]
        deadline = self._started + condition.get("MaxWaitTimeInSeconds", math.inf)
        while True:
            left = min(longest - self._training_seconds, deadline - time.monotonic())
            outcome = self._attempt(left)
            if outcome.how != "interrupt":
                break
            self._move("Interrupted")
            self._control.check()
            if time.monotonic() >= deadline:
                self._finish("MaxWaitTimeExceeded")
                return
            self._move("Starting")
        if outcome.how == "closing":
            return
        if outcome.failed is not None:
            self._upload_output()
            raise Failure(self._reason)
        self._move("Uploading")
        artifacts = self._upload_model()
        self._upload_output()
        self._finish(self._ending(outcome, longest), ModelArtifacts={"S3ModelArtifacts": artifacts})

    def _ending(self, outcome: Outcome, longest: float) -> str:
        if outcome.how == "stop":
            return "Stopped"
        if outcome.how == "timeout":
            return "MaxRuntimeExceeded" if self._training_seconds >= longest else "MaxWaitTimeExceeded"
        return "Completed"

    def _attempt(self, seconds: float) -> Outcome:
        """From empty folders until no container runs."""
        self._control.check()
        check_image(self._platform, self._image)
        self._move("Downloading", **self._started_now())
        for host in self._hosts:
            shutil.rmtree(self._folder / host.name, ignore_errors=True)
        pipes = [pipe for host in self._hosts for pipe in self._lay_out(host)]
        followers = self._followers()
        self._control.check()
        with ExitStack() as stack:
            for pipe in pipes:
                stack.callback(pipe.close)  # after the hosts have gone
            hosts = stack.enter_context(Hosts(self._platform.fleet, self._control))
            epoch = int(time.time())
            self._move("Training")
            began = time.monotonic()
            for host in self._hosts:
                stream = f"{self._name}/{host.name}-{epoch}"
                hosts.start(host.name, self._container(host), LOG_GROUP, stream, self._on_line)
            for pipe in pipes:
                pipe.start()
            for follower in followers:
                follower.start()
                stack.callback(follower.halt)
            outcome = hosts.wait(began + seconds, limits.TRAINING_STOP_SECONDS)
            self._training_seconds += time.monotonic() - began
            if outcome.failed is not None:
                self._reason = failure_reason(
                    self._ml_file(outcome.failed, "output/failure"),
                    self._folder,
                    outcome.codes[outcome.failed],
                    hosts.launched[outcome.failed],
                )
        if self._control.broken is not None:
            raise Failure(self._control.broken)
        if outcome.how != "closing":
            for follower in followers:
                follower.finish()
        return outcome

    # Before

    def _ml(self, host: Host) -> Path:
        return self._folder / host.name / "ml"

    def _ml_file(self, host: str, name: str) -> Path:
        return self._folder / host / "ml" / name

    def _lay_out(self, host: Host) -> list[Pipe]:
        """One host's /opt/ml; the pipes that wait for its readers."""
        ml = self._ml(host)
        for name in ("input/data", "model", "output/data"):
            (ml / name).mkdir(parents=True)
            (ml / name).chmod(0o777)
        (ml / "output").chmod(0o777)
        configuration = ml / "input" / "config"
        mine = [channel for channel in self._channels if not channel.groups or host.group in channel.groups]
        cluster.write_json(configuration / "hyperparameters.json", self._record.get("HyperParameters", {}))
        cluster.write_json(
            configuration / "inputdataconfig.json", {channel.name: channel.config() for channel in mine}
        )
        cluster.write_json(
            configuration / "resourceconfig.json",
            cluster.resource_config(self._hosts, host, self._image),
        )
        pipes = []
        for channel in mine:
            peers = [one for one in self._hosts if not channel.groups or one.group in channel.groups]
            pipe = channels.prepare(
                self._platform.books,
                channel,
                ml / "input" / "data",
                peers.index(host),
                len(peers),
                self._control,
            )
            if pipe is not None:
                pipes.append(pipe)
        checkpoints = self._checkpoints(host)
        checkpoints.mkdir(parents=True, exist_ok=True)
        checkpoints.chmod(0o777)
        if "CheckpointConfig" in self._record:
            saved = inputs.sources(
                self._platform.books, "S3Prefix", str(parse_s3_uri(self._checkpoint_uri).below(""))
            )
            inputs.lay_out(self._platform.books, saved, checkpoints, self._control.check)
        return pipes

    @property
    def _checkpoint_uri(self) -> str:
        return str(self._record["CheckpointConfig"]["S3Uri"])

    def _checkpoints(self, host: Host) -> Path:
        return self._folder / host.name / "checkpoints"

    def _followers(self) -> list[Follower]:
        if "CheckpointConfig" not in self._record:
            return []
        uri = parse_s3_uri(self._checkpoint_uri)
        return [Follower(self._uploads, self._checkpoints(host), uri) for host in self._hosts]

    def _container(self, host: Host) -> Container:
        record = self._record
        fast = [
            (f"input/data/{channel.name}", True)
            for channel in self._channels
            if channel.mode == "FastFile"
            and not self._image.startswith(
                HOST_PREFIX
            )  # where a mount within another is a link within a link
            and (self._ml(host) / "input/data" / channel.name).is_dir()
        ]
        local = record.get("CheckpointConfig", {}).get("LocalPath", _CHECKPOINTS)
        mounts = (
            *opt_ml.mounts(
                self._image, self._ml(host), ("input", False), *fast, ("model", False), ("output", False)
            ),
            Mount(self._checkpoints(host), local),
        )
        entrypoint = self._algorithm.get("ContainerEntrypoint")
        arguments = self._algorithm.get("ContainerArguments")
        if arguments is None:
            arguments = [] if entrypoint else ["train"]
        isolated = record["EnableNetworkIsolation"]
        return Container(
            image=self._image,
            entrypoint=tuple(entrypoint) if entrypoint else None,
            arguments=tuple(arguments),
            environment={
                **self._platform.container_environment(self._image, isolated=isolated),
                "TRAINING_JOB_NAME": self._name,
                "TRAINING_JOB_ARN": record["TrainingJobArn"],
                **record.get("Environment", {}),
            },
            mounts=mounts,
            network=self._folder.name if len(self._hosts) > 1 else None,
            isolated=isolated,
            host_name=host.name,
        )

    def _on_line(self, line: Line) -> None:
        for metric in self._metrics.look_at(line.text, line.when):
            self._platform.books.measure(
                _NAMESPACE, metric.name, metric.value, "None", TrainingJobName=self._name
            )

    # After

    @property
    def _output(self) -> S3Uri:
        return parse_s3_uri(self._record["OutputDataConfig"]["S3OutputPath"]).below(f"{self._name}/output")

    def _upload_model(self) -> str:
        folders = [self._ml(host) / "model" for host in self._hosts]
        if self._record["OutputDataConfig"].get("CompressionType") == "NONE":
            uri = self._output.below("model/")
            for folder in reversed(folders):  # what algo-1 wrote goes last, and stays
                self._uploads.folder(folder, uri)
        else:
            uri = self._output.below("model.tar.gz")
            self._uploads.archive(folders, uri)
        return str(uri)

    def _upload_output(self) -> None:
        self._uploads.archive(
            [self._ml(host) / "output/data" for host in self._hosts], self._output.below("output.tar.gz")
        )

    # The record

    def _started_now(self) -> dict[str, Any]:
        known = self._platform.records.get("training-job", self._name)
        return {} if "TrainingStartTime" in known else {"TrainingStartTime": time.time()}

    def _move(self, secondary: str, **members: Any) -> None:
        history.move(self._platform.records, self._name, secondary, **members)

    def _end(self, status: str, **members: Any) -> None:
        seconds = math.ceil(self._training_seconds)
        self._move(
            status,
            **members,
            TrainingTimeInSeconds=seconds,
            BillableTimeInSeconds=seconds,
            FinalMetricDataList=self._metrics.final(),
        )
