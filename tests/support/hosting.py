"""Endpoints on the emulator whose containers are the programs of tests/hosted."""

from __future__ import annotations

import io
import itertools
import tarfile
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from tests.support.emulator import REGION, ROLE, EmulatorProcess
from tests.support.server import CHECKOUT, wait_until

HOSTED = CHECKOUT / "tests" / "hosted"
_numbers = itertools.count(1)


def image(program: str) -> str:
    """The image that runs a program of tests/hosted."""
    return f"host:{HOSTED / program}.py"


def archive(files: Mapping[str, bytes], *, mode: str = "w:gz", **links: str) -> bytes:
    """A tar of files, and of symbolic links by their names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return buffer.getvalue()


class Hosting:
    """One emulator's hosting, with a client for each service. All names are made here, and are new."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self.emulator = emulator
        self.sagemaker = emulator.client("sagemaker")
        self._unchecked: dict[str, Any] = {}
        self.runtime = emulator.client("sagemaker-runtime")

    def model(self, program: str = "talks", *, isolated: bool = False, **container: Any) -> str:
        name = f"model-{next(_numbers)}"
        self.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": image(program), **container},
            EnableNetworkIsolation=isolated,
        )
        return name

    def config(self, *variants: dict[str, Any], **more: Any) -> str:
        """A configuration of these variants; what one does not say is filled in. more: further members."""
        name = f"config-{next(_numbers)}"
        whole = [
            {"VariantName": f"v{number}", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1, **variant}
            for number, variant in enumerate(variants, 1)
        ]
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=whole, **more)
        return name

    def create(self, config: str) -> str:
        name = f"endpoint-{next(_numbers)}"
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return name

    def endpoint(self, program: str = "talks", **container: Any) -> str:
        """One that is in service, of one instance."""
        name = self.create(self.config({"ModelName": self.model(program, **container)}))
        assert self.settled(name)["EndpointStatus"] == "InService"
        return name

    def described(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
        return described

    def settled(self, name: str) -> dict[str, Any]:
        """What Describe answers when nothing is under way any more."""

        def look() -> dict[str, Any] | None:
            described = self.described(name)
            return described if described["EndpointStatus"] in ("InService", "Failed") else None

        settled: dict[str, Any] = wait_until(look, f"endpoint {name} settles")
        return settled

    def invoke(self, name: str, body: bytes | str, **arguments: Any) -> bytes:
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=body, **arguments)
        told: bytes = answer["Body"].read()
        return told

    def unchecked(self, operation: str, request: dict[str, Any], service: str = "sagemaker") -> Any:
        """Call SageMaker without the checks that boto3 makes itself."""
        if service not in self._unchecked:
            self._unchecked[service] = boto3.client(
                service,
                endpoint_url=self.emulator.address,
                region_name=REGION,
                aws_access_key_id="longshore",
                aws_secret_access_key="longshore",
                config=Config(parameter_validation=False, retries={"max_attempts": 0}),
            )
        return getattr(self._unchecked[service], operation)(**request)

    def names(self) -> list[str]:
        pages = self.sagemaker.get_paginator("list_endpoints").paginate()
        return [item["EndpointName"] for page in pages for item in page["Endpoints"]]

    def delete(self, name: str) -> None:
        """Delete it, and wait until it has gone."""
        self.sagemaker.delete_endpoint(EndpointName=name)
        wait_until(lambda: name not in self.names(), f"endpoint {name} goes")
