"""One processing job at work: inputs laid out, the container run, outputs uploaded (E)."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from longshore import limits
from longshore.emulator import confined, opt_ml
from longshore.emulator.faults import Failure
from longshore.emulator.jobs import cluster, inputs
from longshore.emulator.jobs.cluster import Host
from longshore.emulator.jobs.control import Control
from longshore.emulator.jobs.hosts import Hosts, check_image
from longshore.emulator.jobs.reason import failure_reason
from longshore.emulator.jobs.run import JobRun
from longshore.emulator.jobs.upload import Follower, Uploads
from longshore.emulator.platform import Platform
from longshore.emulator.s3_uri import parse_s3_uri
from longshore.engines.base import Container

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
# What of the request the container reads in processingjobconfig.json (E2).
_CONFIG = (
    "ProcessingJobArn",
    "ProcessingJobName",
    "Environment",
    "AppSpecification",
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "NetworkConfig",
    "RoleArn",
    "StoppingCondition",
)


class ProcessingRun(JobRun):
    """A processing job's."""

    kind = "processing-job"

    def __init__(self, platform: Platform, name: str, control: Control) -> None:
        super().__init__(platform, name, control)
        self._app = self._record["AppSpecification"]
        self._hosts = cluster.hosts_of(self._record["ProcessingResources"]["ClusterConfig"])
        self._uploads = Uploads(platform.books, self._folder, control.check_closing)

    def _run(self) -> None:
        check_image(self._platform, self._app["ImageUri"])
        self._update(ProcessingStartTime=time.time())
        for host in self._hosts:
            self._lay_out(host)
        self._control.check()
        followers = [
            Follower(self._uploads, self._inside(host, target["LocalPath"]), parse_s3_uri(target["S3Uri"]))
            for host in self._hosts
            for target in self._outputs()
            if target["S3UploadMode"] == "Continuous"
        ]
        seconds = self._record["StoppingCondition"]["MaxRuntimeInSeconds"]
        with ExitStack() as stack:
            hosts = stack.enter_context(Hosts(self._platform.fleet, self._control))
            epoch = int(time.time() * 1000)
            for host in self._hosts:
                hosts.start(host.name, self._container(host), LOG_GROUP, f"{self._name}/{host.name}-{epoch}")
            for follower in followers:
                follower.start()
                stack.callback(follower.halt)
            outcome = hosts.wait(time.monotonic() + seconds, limits.TRAINING_STOP_SECONDS)
            if outcome.how == "closing":
                return
            message = self._exit_message(outcome.failed or self._hosts[0].name)
            for follower in followers:
                follower.finish()
            if outcome.failed is not None:
                self._update(**message)
                code = outcome.codes[outcome.failed]
                raise Failure(
                    failure_reason(
                        self._ml(outcome.failed) / "output/message",
                        self._folder,
                        code,
                        hosts.launched[outcome.failed],
                    )
                )
        self._upload()
        if outcome.how == "stop":
            self._finish("Stopped", **message)
        elif outcome.how == "timeout":
            reason = f"ClientError: The job was stopped after MaxRuntimeInSeconds, {seconds} s."
            self._finish("Stopped", FailureReason=reason, **message)
        else:
            self._finish("Completed", **message)

    def _ml(self, host: str) -> Path:
        return self._folder / host / "ml"

    def _inside(self, host: Host, path: str) -> Path:
        """Where a path of the container's, below /opt/ml, lies on this machine."""
        return self._ml(host.name) / path.removeprefix(f"{opt_ml.ROOT}/")

    def _outputs(self) -> list[dict[str, Any]]:
        outputs = self._record.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return [output["S3Output"] for output in outputs if not output.get("AppManaged")]

    def _lay_out(self, host: Host) -> None:
        ml = self._ml(host.name)
        for name in ("processing", "output"):
            (ml / name).mkdir(parents=True)
            (ml / name).chmod(0o777)
        config = {key: self._record[key] for key in _CONFIG if key in self._record}
        cluster.write_json(ml / "config" / "processingjobconfig.json", config)
        cluster.write_json(
            ml / "config" / "resourceconfig.json",
            cluster.resource_config(self._hosts, host, self._app["ImageUri"]),
        )
        for given in self._record.get("ProcessingInputs", []):
            if given.get("AppManaged"):
                continue
            source = given["S3Input"]
            found = inputs.share(
                inputs.sources(self._platform.books, source["S3DataType"], source["S3Uri"]),
                source.get("S3DataDistributionType", "FullyReplicated"),
                self._hosts.index(host),
                len(self._hosts),
            )
            inputs.lay_out(
                self._platform.books, found, self._inside(host, source["LocalPath"]), self._control.check
            )
        for target in self._outputs():
            folder = self._inside(host, target["LocalPath"])
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)

    def _container(self, host: Host) -> Container:
        isolated = self._record.get("NetworkConfig", {}).get("EnableNetworkIsolation", False)
        entrypoint = self._app.get("ContainerEntrypoint")
        return Container(
            image=self._app["ImageUri"],
            entrypoint=tuple(entrypoint) if entrypoint else None,
            arguments=tuple(self._app.get("ContainerArguments", ())),
            environment={
                **self._platform.container_environment(self._app["ImageUri"], isolated=isolated),
                "PROCESSING_JOB_NAME": self._name,
                "PROCESSING_JOB_ARN": self._record["ProcessingJobArn"],
                **self._record.get("Environment", {}),
            },
            mounts=opt_ml.mounts(
                self._app["ImageUri"],
                self._ml(host.name),
                ("config", False),
                ("processing", False),
                ("output", False),
            ),
            network=self._folder.name if len(self._hosts) > 1 else None,
            isolated=isolated,
            host_name=host.name,
        )

    def _exit_message(self, host: str) -> dict[str, str]:
        """The beginning of /opt/ml/output/message (E3)."""
        try:
            with confined.open_file(self._ml(host) / "output" / "message", self._folder) as file:
                told = file.read(limits.EXIT_MESSAGE_BYTES_MAX).decode(errors="ignore")
        except OSError:
            return {}
        return {"ExitMessage": told} if told else {}

    def _upload(self) -> None:
        for host in reversed(self._hosts):
            for target in self._outputs():
                if target["S3UploadMode"] == "EndOfJob":
                    self._uploads.folder(
                        self._inside(host, target["LocalPath"]), parse_s3_uri(target["S3Uri"])
                    )

    def _update(self, **members: Any) -> None:
        self._platform.records.update("processing-job", self._name, **members)

    def _end(self, status: str, **members: Any) -> None:
        self._update(ProcessingJobStatus=status, ProcessingEndTime=time.time(), **members)
