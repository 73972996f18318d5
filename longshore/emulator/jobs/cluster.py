"""The hosts of a job: their names, their groups, and what resourceconfig.json says of them (D4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longshore.engines.base import HOST_PREFIX

_HOMOGENEOUS = "homogeneousCluster"


@dataclass(frozen=True)
class Host:
    """One instance: its host name, 'algo-1', its instance type, and the name of its group."""

    name: str
    instance_type: str
    group: str


def hosts_of(resources: Mapping[str, Any]) -> list[Host]:
    """The hosts of a ResourceConfig or ClusterConfig, numbered through all of its groups."""
    groups = resources.get("InstanceGroups") or [
        {
            "InstanceGroupName": _HOMOGENEOUS,
            "InstanceType": resources.get("InstanceType", ""),
            "InstanceCount": resources.get("InstanceCount", 1),
        }
    ]
    members = [group for group in groups for _ in range(group["InstanceCount"])]
    return [
        Host(f"algo-{number}", group["InstanceType"], group["InstanceGroupName"])
        for number, group in enumerate(members, 1)
    ]


def resource_config(hosts: list[Host], current: Host, image: str) -> dict[str, Any]:
    """For training. The interface is the host's own where the image runs without a container."""
    groups: dict[str, dict[str, Any]] = {}
    for host in hosts:
        about = {
            "instance_group_name": host.group,
            "instance_type": host.instance_type,
            "hosts": list[str](),
        }
        groups.setdefault(host.group, about)["hosts"].append(host.name)
    return {
        "current_host": current.name,
        "current_instance_type": current.instance_type,
        "current_group_name": current.group,
        "hosts": [host.name for host in hosts],
        "instance_groups": list(groups.values()),
        "network_interface_name": "lo" if image.startswith(HOST_PREFIX) else "eth0",
    }


def write_json(path: Path, value: object) -> None:
    """A file of /opt/ml's configuration, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
