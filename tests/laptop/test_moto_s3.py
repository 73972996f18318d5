"""moto's own tests of S3 pass on the emulator as they do on moto."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from moto.server import ThreadedMotoServer

from tests.support import moto_tests
from tests.support.emulator import EmulatorProcess

_VERSIONS = "test_s3_list_object_versions.py"
# Why the emulator answers otherwise than moto, and where.
EXCEPTIONS = {
    "S3 refuses parts that are not in order; moto puts them together as they are named": [
        "test_s3_multipart.py::test_multipart_upload_out_of_order",
    ],
    "S3 refuses a lifecycle configuration without a rule; moto removes the configuration": [
        "test_s3_lifecycle.py::test_lifecycle_empty_configuration",
    ],
    "S3 stores the body of a PUT as it is; moto takes a multipart/form-data body apart": [
        "test_s3.py::test_upload_from_file_to_presigned_url",
    ],
    "S3 refuses with an AccessDenied in XML; moto's 403 is empty": [
        "test_s3.py::test_s3_object_in_private_bucket",
        "test_s3_acl.py::test_s3_object_in_private_bucket",
        "test_s3_acl.py::test_s3_object_in_public_bucket",
    ],
    "credentials are not checked, and moto's API to have them checked is refused": [
        "test_s3_auth.py::test_delete_objects_without_access_throws_custom_error",
        "test_s3_auth.py::test_head_bucket_with_correct_credentials",
        "test_s3_auth.py::test_head_bucket_with_incorrect_credentials",
        "test_s3_auth.py::test_load_unexisting_object_without_auth_should_return_403",
    ],
    "S3 refuses names of buckets with an underscore": [
        f"{_VERSIONS}::test_list_object_versions_with_delimiter_for_deleted_objects",
    ],
    "Lambda, AWS Config and EventBridge are not emulated": [
        "test_s3.py::test_public_access_block",
        "test_s3.py::test_put_bucket_notification[cn-north-1-aws-cn]",
        "test_s3.py::test_put_bucket_notification[us-west-2-aws]",
        "test_s3_notifications.py::test_send_event_bridge_message",
    ],
    "the Resource Groups Tagging API finds resources of SageMaker only": [
        "test_s3_integration.py::test_rgtapi_get_resources_filters_s3_by_tag_value",
        "test_s3_integration.py::test_rgtapi_get_resources_returns_s3_buckets",
        "test_s3_integration.py::test_rgtapi_get_resources_service_prefix_matches_s3",
        "test_s3_integration.py::test_rgtapi_get_tag_keys_and_values_include_s3",
        "test_s3_integration.py::test_rgtapi_s3_visible_from_other_region",
        "test_s3_integration.py::test_rgtapi_tag_resources_updates_s3_bucket",
        "test_s3_integration.py::test_rgtapi_untag_resources_removes_s3_tags",
    ],
}
# Files or tests, and why they are not run.
LEFT_OUT = {
    "test_s3_lambda_integration.py": "Lambda is not emulated",
    "test_s3_eventbridge_integration.py": "EventBridge is not emulated",
    "test_s3_cloudformation.py": "CloudFormation is not emulated",
    "test_multiple_accounts_server.py": "starts moto's own server on a fixed port; asks the emulator nothing",
    "test_s3_bucket_policy.py": "starts moto's own server on a fixed port; asks the emulator nothing",
    "test_server.py": "calls moto in its own process; asks the emulator nothing",
    f"{_VERSIONS}::test_list_object_versions_is_latest_flag_is_correct_when_response_is_paginated": "3,000 "
    "requests",
}


def test_motos_tests_pass_as_on_moto(tmp_path: Path) -> None:
    moto_tests.extract(tmp_path)
    found: dict[str, str] = {}
    with ThreadPoolExecutor(2) as pool:  # many tests wait
        for results in pool.map(lambda half: _on_the_emulator(tmp_path, *half), enumerate(_halves(tmp_path))):
            found |= results
    assert len(found) > 400
    failed = {name for name, result in found.items() if result == "failed"}
    unexplained = failed - {name for names in EXCEPTIONS.values() for name in names}
    if unexplained:  # some ask for what no machine has, and fail on moto too
        moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        moto.start()
        host, port = moto.get_host_and_port()
        on_moto = moto_tests.run(tmp_path, f"http://{host}:{port}", sorted(unexplained))
        moto.stop()
        unexplained = {name for name in unexplained if on_moto.get(name) == "passed"}
    assert not unexplained


def _halves(folder: Path) -> list[list[str]]:
    """Return the files with tests, in two lists that take about as long.

    test_s3.py, the largest, comes first: some of its tests count buckets, and later ones leave buckets with
    locked objects behind.
    """
    found = folder.glob("tests/test_s3/test_*.py")
    files = sorted(found, key=lambda path: path.stat().st_size, reverse=True)
    names = [path.name for path in files if path.name not in LEFT_OUT]
    return [names[::2], names[1::2]]


def _on_the_emulator(folder: Path, number: int, files: list[str]) -> dict[str, str]:
    # One for each half, because the tests begin by deleting all buckets.
    (folder / f"emulator-{number}").mkdir()
    emulator = EmulatorProcess(folder / f"emulator-{number}")
    left_out = [name for name in LEFT_OUT if "::" in name]
    found = moto_tests.run(folder, emulator.address, files, *left_out, plugin="moto_reset")
    emulator.close()
    return found
