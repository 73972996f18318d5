"""Stopping a training: signals passed on, time to save, nothing left behind (D8)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import alive, wait_until
from tests.support.signals import signal_to_a_thread
from tests.support.training import Training

SHORT_GRACE = """
import os, sys
from pathlib import Path
from longshore_runtime import settings
from longshore_runtime.training import job
raise SystemExit(job.run(settings.load(os.environ), Path.cwd(), grace=1))
"""


def test_sigterm_lets_train_save_in_finally(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_saves_when_stopped")
    job.start()
    job.wait_for("training")
    job.process.send_signal(signal.SIGTERM)
    done = job.end()
    assert done.code == 143
    assert (job.model_dir / "saved").read_text() == "half"
    assert done.failure == "train() was stopped by SIGTERM."
    assert "Traceback" not in done.stderr


def test_a_signal_that_the_kernel_gives_to_another_thread_stops_it_too(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_saves_when_stopped")
    job.start()
    job.wait_for("training")
    signal_to_a_thread(job.process.pid, -1, signal.SIGTERM)
    assert job.end().code == 143


def test_sigint_stops_it_as_ctrl_c_does(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_saves_when_stopped")
    job.start()
    job.wait_for("training")
    job.process.send_signal(signal.SIGINT)
    done = job.end()
    assert done.code == 130
    assert (job.model_dir / "saved").read_text() == "half"
    assert done.failure == "train() was stopped by SIGINT."


def test_a_train_that_handles_sigterm_itself_and_ends_well_has_trained(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_handles_sigterm")
    job.start()
    job.wait_for("training")
    job.process.send_signal(signal.SIGTERM)
    done = job.end()
    assert (done.code, done.failure) == (0, "")
    assert (job.model_dir / "saved").read_text() == "all"


def test_what_ignores_sigterm_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_ignores_sigterm")
    job.command = [
        "sh",
        "-c",
        'cd "$0" && exec "$1" -c "$2"',
        str(job.program_dir),
        sys.executable,
        SHORT_GRACE,
    ]
    job.start()
    job.wait_for("training")
    job.process.send_signal(signal.SIGTERM)
    done = job.end()
    assert done.code == 143
    assert done.failure == "train() was stopped by SIGTERM, did not end within 1 s, and was killed."


def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_ignores_sigterm")
    job.start()
    job.wait_for("training")
    job.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "passing SIGTERM on" in (tmp_path / "stderr").read_text(), "the first signal")
    job.process.send_signal(signal.SIGTERM)
    assert job.end().code == 143


def test_a_child_of_a_shell_script_has_its_time_though_the_shell_is_gone(tmp_path: Path) -> None:
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM="fit.sh")
    job.program("fit.sh", f"{sys.executable} slow.py\ntrue\n")
    job.program(
        "slow.py",
        "import os, signal, sys, time\n"
        "def save(*_):\n"
        "    time.sleep(1)\n"
        "    open(os.environ['SM_MODEL_DIR'] + '/saved', 'w').write('all')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "print('training')\n"
        "while True: time.sleep(1)\n",
    )
    job.start()
    job.wait_for("training")
    job.process.send_signal(signal.SIGTERM)
    done = job.end()
    assert done.code == 143
    assert done.failure == "fit.sh was stopped by SIGTERM."
    assert (job.model_dir / "saved").read_text() == "all"


def test_nothing_is_left_running(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_leaves_a_process_behind")
    done = job.run()
    assert done.code == 0
    wait_until(lambda: not alive(int(done.stdout)), "the end of the process left behind")


def test_a_process_that_left_the_group_does_not_hold_up_the_end(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_leaves_a_daemon")
    done = job.run()
    pid = int((job.model_dir / "pid").read_text())
    try:
        assert (done.code, done.failure) == (3, "train() exited with code 3.")
    finally:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("unshare"), reason="a PID namespace takes root")
def test_as_pid_1_it_reaps_orphans(tmp_path: Path) -> None:
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM="fit.sh")
    # An orphan is born and dies; then every zombie's parent is listed. PID 1 must have none.
    job.program(
        "fit.sh",
        "(sleep 0.1 &)\nsleep 1\n"
        "for stat in /proc/[0-9]*/stat; do\n"
        "  read -r line < $stat || continue\n"
        '  case ${line##*)} in " Z 1 "*) echo "zombie: $line" ;; esac\n'
        "done\n"
        "echo looked\n",
    )
    namespace = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("no PID namespace can be made here")
    job.command = [*namespace, *job.command]
    done = job.run()
    assert (done.code, done.stdout) == (0, "looked\n"), done.stderr


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("unshare"), reason="a PID namespace takes root")
def test_as_pid_1_it_passes_sigterm_on(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_saves_when_stopped")
    namespace = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("no PID namespace can be made here")
    job.command = [*namespace, *job.command]
    job.start()
    job.wait_for("training")
    children = Path(f"/proc/{job.process.pid}/task/{job.process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGTERM)
    done = job.end()
    assert done.code == 143
    assert (job.model_dir / "saved").read_text() == "half"
