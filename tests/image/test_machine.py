"""The CPUs a container may use, read from trees laid out as the kernel lays out cgroups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from longshore_runtime import machine

ALL = len(os.sched_getaffinity(0))


def tree(root: Path, files: dict[str, str]) -> machine.Roots:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return machine.Roots(root / "cgroup", root / "proc")


def test_without_any_quota_it_is_the_affinity_mask(tmp_path: Path) -> None:
    assert machine.cpus(tree(tmp_path, {})) == ALL


@pytest.mark.parametrize(
    ("quota", "expected"), [("100000", 1), ("50000", 1), ("1000", 1), ("150000", min(2, ALL))]
)
def test_a_version_2_quota_counts_rounded_up(tmp_path: Path, quota: str, expected: int) -> None:
    roots = tree(tmp_path, {"proc/self/cgroup": "0::/\n", "cgroup/cpu.max": f"{quota} 100000\n"})
    assert machine.cpus(roots) == expected


def test_max_is_no_quota(tmp_path: Path) -> None:
    roots = tree(tmp_path, {"proc/self/cgroup": "0::/\n", "cgroup/cpu.max": "max 100000\n"})
    assert machine.cpus(roots) == ALL


def test_the_smallest_quota_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/pod/container\n",
        "cgroup/pod/container/cpu.max": "max 100000\n",
        "cgroup/pod/cpu.max": "100000 100000\n",
    }
    assert machine.cpus(tree(tmp_path, files)) == 1


def test_a_version_1_quota_counts_where_the_container_is_the_root_of_the_mount(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n",
        "cgroup/cpu/cpu.cfs_quota_us": "100000\n",
        "cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    assert machine.cpus(tree(tmp_path, files)) == 1


def test_minus_one_is_no_version_1_quota(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "4:cpu:/\n",
        "cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    assert machine.cpus(tree(tmp_path, files)) == ALL


def test_children_are_found_whatever_their_names_are() -> None:
    """Linux cuts a name after 15 bytes, which may be within a character."""
    renames = "import sys; open('/proc/self/comm', 'w').write(') Z ' + 'ä' * 9); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", renames], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in machine.children(os.getpid())
        child.communicate(b"\n")
    assert child.pid not in machine.children(os.getpid())


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"cgroup/pids.max": "500\n"}, 500),
        ({"cgroup/pids.max": "max\n", "proc/sys/kernel/threads-max": "9000\n"}, 9000),
        ({"cgroup/pids.max": "500\n", "proc/sys/kernel/pid_max": "400\n"}, 400),
        ({}, None),
    ],
)
def test_the_lowest_limit_of_processes_counts(
    tmp_path: Path, limits: dict[str, str], expected: int | None
) -> None:
    roots = tree(tmp_path, {"proc/self/cgroup": "0::/\n", **limits})
    assert machine.processes(roots) == expected
