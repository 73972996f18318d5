"""Whether containers in Docker reach the emulator: theirs, and no others."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import docker
from tests.support.emulator import JOBS, ROLE, EmulatorProcess
from tests.support.engines import left_behind
from tests.support.hosting import Hosting
from tests.support.jobs import archive, channel, train
from tests.support.server import CHECKOUT, PATIENCE, environment

_MISSING = docker.missing()
pytestmark = pytest.mark.skipif(_MISSING is not None, reason=f"Docker: {_MISSING}")

# What the engine's networks begin with, unless it is configured; and how to listen there before they are.
_GATEWAYS = [*(f"172.{n}.0.1" for n in range(17, 32)), *(f"192.168.{n}.1" for n in range(0, 256, 16))]
_IP_FREEBIND = 15  # from linux/in.h: the socket module has no name for it

_PROGRAM = "asks_aws.py"
_IN_CONTAINER = f"/opt/ml/input/data/code/{_PROGRAM}"


def answers(
    emulator: EmulatorProcess, name: str, *questions: dict[str, Any], count: int = 1, **members: Any
) -> list[list[Any]]:
    """What came of these questions in the containers of a training job, one after the other."""
    code = {f"code/{_PROGRAM}": (JOBS / _PROGRAM).read_bytes()}
    emulator.put(name, **code, **{"code/questions.json": json.dumps(questions).encode()})
    algorithm = {"TrainingImage": docker.BASE_IMAGE, "ContainerEntrypoint": ["python3", _IN_CONTAINER]}
    train(
        emulator,
        name,
        "",
        AlgorithmSpecification=algorithm,
        InputDataConfig=[channel("code", f"s3://{name}/code/")],
        ResourceConfig={"InstanceCount": count, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        **members,
    )
    job = emulator.ended("Training", name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    told = archive(emulator, name, f"out/{name}/output/model.tar.gz")
    assert len(told) == count, told
    return [answer for host in sorted(told) for answer in json.loads(told[host])]


def the_object(bucket: str, **more: str) -> dict[str, Any]:
    return {"service": "s3", "path": f"/{bucket}/data/object", **more}


def sagemaker(operation: str, **request: Any) -> dict[str, Any]:
    headers = {"X-Amz-Target": f"SageMaker.{operation}"}
    return {"service": "sagemaker", "headers": headers, "body": json.dumps(request)}


IDENTITY = {"service": "sts", "body": "Action=GetCallerIdentity&Version=2011-06-15"}


def networks(emulator: EmulatorProcess) -> list[Any]:
    label = f"label=longshore.owner={emulator.owner}"
    found = docker.docker("network", "ls", "--quiet", "--filter", label).stdout.split()
    return [docker.inspect(each) for each in found]


def gateway(emulator: EmulatorProcess) -> str:
    """The emulator's address for containers; one has to have run."""
    (shared,) = [each for each in networks(emulator) if each["Name"].endswith("-shared")]
    return f"http://{shared['IPAM']['Config'][0]['Gateway']}:{emulator.address.rpartition(':')[2]}"


COUNTS = pytest.mark.parametrize("count", [1, 2], ids=["one-host", "two-hosts-on-a-network-of-their-own"])


@COUNTS
def test_a_job_reads_from_s3_and_asks_who_it_is(emulator: EmulatorProcess, name: str, count: int) -> None:
    emulator.put(name, **{"data/object": b"content"})
    found = answers(emulator, name, the_object(name), IDENTITY, count=count)
    assert found[::2] == count * [[200, "content"]]
    for status, said in found[1::2]:
        assert status == 200 and "<Account>123456789012</Account>" in said


@COUNTS
def test_an_isolated_job_is_not_answered(emulator: EmulatorProcess, name: str, count: int) -> None:
    emulator.put(name, **{"data/object": b"content"})
    ((status, _),) = answers(emulator, f"{name}-open", the_object(name))
    assert status == 200, "the gateway is open"
    questions = the_object(name), the_object(name, address=gateway(emulator))
    found = answers(emulator, name, *questions, count=count, EnableNetworkIsolation=True)
    assert {status for status, _ in found[::2]} == {0}, found
    # Engines differ in whether such a network leads to this machine's other addresses.
    assert {status for status, _ in found[1::2]} <= {0, 403}, found


def test_a_container_has_nothing_run_on_this_machine(emulator: EmulatorProcess, name: str) -> None:
    image = {"Image": "host:/bin/true"}
    model = sagemaker("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=image)
    pipeline = sagemaker("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, Containers=[image, image])
    refused, also, listed = answers(emulator, name, model, pipeline, sagemaker("ListModels"))
    for status, said in (refused, also):
        assert status == 403 and "A container may not have host:/bin/true run" in said
    assert listed[0] == 200 and name not in listed[1]


def test_a_container_starts_nothing_that_a_user_has_prepared(emulator: EmulatorProcess, name: str) -> None:
    """Its model's data is in S3, where the container may write."""
    user = emulator.client("sagemaker")
    user.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": "host:/bin/true"},
    )
    variant = {
        "VariantName": "v",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    user.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    job = {
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{name}/in"}}
        },
        "TransformOutput": {"S3OutputPath": f"s3://{name}/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    found = answers(
        emulator,
        name,
        sagemaker("CreateEndpoint", EndpointName=name, EndpointConfigName=name),
        sagemaker("UpdateEndpoint", EndpointName=name, EndpointConfigName=name),
        sagemaker("CreateEndpointConfig", EndpointConfigName=f"{name}-2", ProductionVariants=[variant]),
        sagemaker("CreateTransformJob", TransformJobName=name, ModelName=name, **job),
        sagemaker("DescribeModel", ModelName=name),
    )
    for status, said in found[:-1]:
        assert status == 403 and "A container may not have host:/bin/true run" in said
    assert found[-1][0] == 200
    user.delete_endpoint_config(EndpointConfigName=name)
    user.delete_model(ModelName=name)


def test_a_container_invokes_no_endpoint_of_programs_of_this_machine(
    emulator: EmulatorProcess, name: str
) -> None:
    """An invocation starts the program of a serverless variant, and has others load models."""
    hosting = Hosting(emulator)
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    settings = {"VariantName": "v1", "ModelName": hosting.model(), "ServerlessConfig": serverless}
    emulator.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[settings]
    )
    endpoints = [hosting.create(name), hosting.endpoint()]
    for endpoint in endpoints:
        assert hosting.settled(endpoint)["EndpointStatus"] == "InService"
    routes = ("invocations", "invocations-response-stream", "async-invocations")
    paths = [f"/endpoints/{endpoint}/{route}" for endpoint in endpoints for route in routes]
    found = answers(
        emulator, name, *({"service": "sagemaker", "path": path, "body": "pid"} for path in paths)
    )
    for status, said in found:
        assert status == 403 and "A container may not invoke endpoint" in said, found
    for endpoint in endpoints:
        hosting.delete(endpoint)


def test_a_container_reaches_nothing_that_is_the_users(emulator: EmulatorProcess, name: str) -> None:
    """Neither the page and what it does, nor moto's own interface; and by the gateway's address alone."""
    plain = {"service": "s3"}
    host = {"headers": {"Host": f"127.0.0.1:{emulator.address.rpartition(':')[2]}"}}
    origin = {"headers": {"Origin": "http://evil.example"}}
    found = answers(
        emulator,
        name,
        {**plain, "path": "/_longshore/overview"},
        {**plain, "path": "/_longshore/invoke", "body": "{}"},
        {**plain, "path": f"/_longshore/interrupt?job={name}", "body": "{}"},
        {**plain, "path": "/moto-api/reset", "body": "{}"},
        {**IDENTITY, **host},
        {**IDENTITY, **origin},
        IDENTITY,
    )
    assert [status for status, _ in found] == [403, 403, 403, 501, 403, 403, 200], found


def test_processes_of_this_machine_are_not_containers(emulator: EmulatorProcess, name: str) -> None:
    """Their connections to the gateway come from its own address, whichever user runs them."""
    assert answers(emulator, name, IDENTITY)[0][0] == 200
    address = gateway(emulator)
    for source in (address.removeprefix("http://").partition(":")[0], "127.0.0.1", ""):
        host, _, port = address.removeprefix("http://").partition(":")
        connection = http.client.HTTPConnection(
            host, int(port), timeout=PATIENCE, source_address=(source, 0) if source else None
        )
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert answer.status == 403 and b"Only the emulator's own containers" in answer.read()
        except TimeoutError:
            assert source == "127.0.0.1"  # the kernel sends nothing from there to another interface
        finally:
            connection.close()


def test_other_containers_are_not_answered(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"data/object": b"content"})
    assert answers(emulator, name, the_object(name)) == [[200, "content"]]
    ask = (
        "import sys, urllib.request, urllib.error\n"
        "try:\n urllib.request.urlopen(sys.argv[1], timeout=20)\n"
        "except urllib.error.HTTPError as error:\n print(error.code, error.read().decode())\n"
    )
    said = docker.docker("run", "--rm", docker.BASE_IMAGE, "python3", "-c", ask, gateway(emulator)).stdout
    assert said.startswith("403 ") and "Only the emulator's own containers" in said


def test_a_network_that_was_removed_is_made_again(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"data/object": b"content"})
    before = answers(emulator, f"{name}-before", the_object(name))
    (shared,) = [each for each in networks(emulator) if each["Name"].endswith("-shared")]
    docker.docker("network", "rm", shared["Id"])  # as `docker network prune` does while no container runs
    assert answers(emulator, f"{name}-after", the_object(name)) == before == [[200, "content"]]


def test_the_network_goes_with_its_emulator(tmp_path: Path, name: str) -> None:
    emulator = EmulatorProcess(tmp_path)
    owner = emulator.owner
    answers(emulator, name, IDENTITY)
    assert left_behind(owner), "its network"
    emulator.close()
    assert not left_behind(owner)


def test_the_network_of_a_killed_emulator_goes_with_the_next_start(tmp_path: Path, name: str) -> None:
    killed = EmulatorProcess(tmp_path)
    owner = killed.owner
    answers(killed, name, IDENTITY)
    killed.process.kill()
    killed.process.wait()
    assert left_behind(owner), "its network"
    following = EmulatorProcess(tmp_path)
    assert not left_behind(owner)
    following.close()


def test_a_gateway_whose_port_is_taken_is_said_and_jobs_run(tmp_path: Path, name: str) -> None:
    emulator = EmulatorProcess(tmp_path)
    port = int(emulator.address.rpartition(":")[2])
    with contextlib.ExitStack() as taken:
        for address in _GATEWAYS:
            listener = taken.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_IP, _IP_FREEBIND, 1)
            listener.bind((address, port))
            listener.listen()
        ((status, said),) = answers(emulator, name, IDENTITY)
        shared = gateway(emulator)
    emulator.close()
    if not any(f"//{address}:" in shared for address in _GATEWAYS):
        pytest.skip(f"this engine has networks of its own choice: {shared}")
    assert status == 0 and "ConnectionRefused" in said
    assert f"Containers do not reach this emulator. longshore emulate: port {port} of" in emulator.log


# Without the engine's network interfaces, as where the engine is in a virtual machine.
_ELSEWHERE = """
import subprocess, sys
from pathlib import Path
from tests.laptop.test_gateway import IDENTITY, answers
from tests.support.emulator import EmulatorProcess
from tests.support.engines import left_behind
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
emulator = EmulatorProcess(Path(sys.argv[1]))
for name in ("first", "second"):
    print(answers(emulator, name, IDENTITY))
owner = emulator.owner
emulator.close()
print(emulator.log)
assert not left_behind(owner)
"""


def test_an_engine_with_other_networks_is_said_once_and_jobs_run(tmp_path: Path) -> None:
    unshare = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    command = [*unshare, sys.executable, "-c", _ELSEWHERE, str(tmp_path)]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *found, said = done.stdout.strip().splitlines()
    assert len(found) == 2 and all(each.startswith('[[0, "http://127.0.0.1:') for each in found), done.stdout
    assert "Containers do not reach this emulator. Docker: its networks are not this machine's" in said
