"""What becomes of jobs and records whose emulator is killed, under --state."""

from __future__ import annotations

from pathlib import Path

from tests.support.emulator import EmulatorProcess
from tests.support.jobs import process, train
from tests.support.server import wait_until


def test_jobs_that_ran_are_failed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    killed = EmulatorProcess(tmp_path, "--state", str(state))
    train(killed, "training", "waits_to_be_stopped.py")
    process(killed, "processing", "waits_to_be_stopped.py")
    wait_until(lambda: killed.described("Training", "training")["SecondaryStatus"] == "Training", "it trains")
    train(killed, "done", "tells_what_it_got.py")
    killed.ended("Training", "done")
    killed.client("sagemaker").create_trial_component(TrialComponentName="kept")
    point = {"MetricName": "loss", "Timestamp": 1.0, "Value": 0.5}
    killed.client("sagemaker-metrics").batch_put_metrics(TrialComponentName="kept", MetricData=[point])
    killed.put("the-last-bucket")
    wait_until(lambda: b"the-last-bucket" in (state / "state").read_bytes(), "all of it is kept")
    killed.process.kill()
    killed.process.wait()
    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    try:
        for kind, name in (("Training", "training"), ("Processing", "processing")):
            job = emulator.described(kind, name)
            assert job[f"{kind}JobStatus"] == "Failed"
            assert job["FailureReason"] == "InternalServerError: the emulator ended while the job ran."
            assert job[f"{kind}EndTime"] >= job["CreationTime"]
        assert emulator.described("Training", "done")["TrainingJobStatus"] == "Completed"
        found = emulator.client("sagemaker").describe_trial_component(TrialComponentName="kept")
        assert [metric["Last"] for metric in found["Metrics"]] == [0.5]
    finally:
        emulator.close()
