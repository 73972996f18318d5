"""Who a program runs as: names and numbers of the image's own passwd and group files."""

from __future__ import annotations

import os
import pwd
import subprocess

import pytest

from longshore_runtime.errors import StartError
from longshore_runtime.runners.algorithm.program.users import Identity, parse
from tests.support.hostile import AS_ROOT, NOBODY, as_normal_user


def test_nothing_asked_for_stays_who_we_are() -> None:
    assert parse("", extra_groups=True) == Identity(None, None, None, None)


@AS_ROOT
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("54321", Identity(54321, None, (), None)),
        ("54321:54322", Identity(54321, 54322, (54322,), None)),
        (":54322", Identity(None, 54322, (54322,), None)),
        ("0:54322", Identity(0, 54322, (54322, 0), pwd.getpwuid(0).pw_dir)),
        ("root:root", Identity(0, 0, (0,), pwd.getpwuid(0).pw_dir)),
        ("0", Identity(0, 0, (0,), pwd.getpwuid(0).pw_dir)),
    ],
)
def test_a_name_or_a_number_becomes_ids_with_the_group_first(text: str, expected: Identity) -> None:
    found = parse(text, extra_groups=True)
    if expected.uid == 0:  # what else root is a member of is this machine's affair
        assert found.groups is not None
        assert found.groups[: len(expected.groups or ())] == expected.groups
        assert (found.uid, found.gid, found.home) == (expected.uid, expected.gid, expected.home)
    else:
        assert found == expected


@AS_ROOT
def test_every_user_of_the_machine_has_the_groups_that_id_tells() -> None:
    for entry in pwd.getpwall()[:20]:
        told = subprocess.run(["id", "-G", entry.pw_name], capture_output=True, text=True, check=True).stdout
        identity = parse(entry.pw_name, extra_groups=True)
        assert identity.groups is not None
        assert (identity.uid, identity.gid, identity.home) == (entry.pw_uid, entry.pw_gid, entry.pw_dir)
        assert identity.groups[0] == entry.pw_gid
        assert len(identity.groups) == len(set(identity.groups))
        assert set(identity.groups) == {int(number) for number in told.split()}


@AS_ROOT
def test_a_program_started_with_the_identity_is_that_user() -> None:
    entry = next(entry for entry in pwd.getpwall() if entry.pw_uid not in (0, NOBODY))
    identity = parse(f"{entry.pw_name}:54322", extra_groups=True)
    assert identity.groups is not None
    told = subprocess.run(
        ["id"],
        user=identity.uid,
        group=identity.gid,
        extra_groups=identity.groups,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"uid={entry.pw_uid}({entry.pw_name}) gid=54322" in told
    assert "(root)" not in told


@AS_ROOT
def test_without_extra_groups_they_stay_as_they_are() -> None:
    assert parse("54321:54322", extra_groups=False) == Identity(54321, 54322, None, None)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("no-such-user", "there is no user 'no-such-user' in the image"),
        ("0:no-such-group", "there is no group 'no-such-group' in the image"),
        ("0:1:2", "there is no group '1:2' in the image"),
        ("-1", "there is no user '-1'"),
        ("4294967295", "there is no user '4294967295'"),  # the kernel's "no change": it would stay root
        ("٣", "there is no user"),
        (" ", "there is no user"),
        (":", "is not user[:group]"),
        ("0:", "is not user[:group]"),
    ],
)
def test_what_names_nobody_is_refused_and_the_variable_named(text: str, fault: str) -> None:
    with pytest.raises(StartError) as caught:
        parse(text, extra_groups=True)
    assert caught.value.where == "ALGORITHM_USER"
    assert fault in caught.value.what
    assert caught.value.remedy


def test_who_is_not_root_cannot_become_somebody_else() -> None:
    def ask() -> list[str]:
        refused = []
        for text in ("0", f"{os.geteuid()}:54322", ":54322", "54321"):
            try:
                parse(text, extra_groups=True)
            except StartError as error:
                refused.append(f"{error.where}: {error.what} {error.remedy}")
        return refused

    refused = as_normal_user(ask)
    assert len(refused) == 4
    assert all("does not run as root. Run the container as root" in each for each in refused)


def test_who_is_not_root_may_ask_for_what_it_is_already() -> None:
    def ask() -> list[object]:
        identity = parse(f"{os.geteuid()}:{os.getegid()}", extra_groups=True)
        return [identity.uid, identity.gid, identity.groups]

    assert as_normal_user(ask) == [None, None, None]
