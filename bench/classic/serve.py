"""Start nginx and gunicorn, wait for the first to go, stop the other: what `serve` was in the classic stack.

Settings as there: MODEL_SERVER_WORKERS (the CPUs), MODEL_SERVER_TIMEOUT (60 s). What was fixed there
comes from the environment here, so that a run needs neither root nor /opt: CLASSIC_LISTEN (8080),
CLASSIC_RUN_DIR (/tmp), CLASSIC_NGINX (nginx).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

HERE = Path(__file__).resolve().parent


def main() -> None:
    run_dir = os.environ.get("CLASSIC_RUN_DIR", "/tmp")
    listen = os.environ.get("CLASSIC_LISTEN", "8080")
    conf = Path(run_dir) / "nginx.conf"
    conf.write_text(
        (HERE / "nginx.conf").read_text().replace("@RUN_DIR@", run_dir).replace("@LISTEN@", listen)
    )
    # -p and -e: keep its scratch files in run_dir and its first words off the compiled-in log file.
    nginx = subprocess.Popen(
        [os.environ.get("CLASSIC_NGINX", "nginx"), "-p", run_dir, "-e", "stderr", "-c", str(conf)]
    )
    workers = os.environ.get("MODEL_SERVER_WORKERS", str(multiprocessing.cpu_count()))
    timeout = os.environ.get("MODEL_SERVER_TIMEOUT", "60")
    gunicorn = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "-k", "gevent", "-w", workers, "--timeout", timeout),
            *("-b", f"unix:{run_dir}/gunicorn.sock", "--no-control-socket", "predictor:app"),
        ],
        cwd=HERE,
    )

    def stop(signum: int = 0, frame: FrameType | None = None) -> None:
        with suppress(ProcessLookupError):
            os.kill(nginx.pid, signal.SIGQUIT)
        with suppress(ProcessLookupError):
            os.kill(gunicorn.pid, signal.SIGTERM)
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    os.wait()
    stop()


if __name__ == "__main__":
    main()
