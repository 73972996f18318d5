"""What each gunicorn worker imports: the predictor with its runner loaded, or a plain word and the end."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import sys
import time

from longshore_runtime import descriptors, meters
from longshore_runtime.serving import (
    blackbox,
    forking,
    golden,
    gunicorn_conf,
    loading,
    metrics_page,
    watchdog,
)
from longshore_runtime.serving.flask_app import create_app

# The stacks go to the log at a crash in native code, and when gunicorn ends a worker that hangs (SIGABRT).
faulthandler.enable(descriptors.stderr())
atexit.register(descriptors.give_back_streams)
# Python's 5 ms are as long as a call of many models: beside one in Python, who reads and refuses requests
# would wait for a whole call each time, and a refusal would take seconds (docs/architecture.md).
sys.setswitchinterval(0.0005)
_settings = gunicorn_conf.serve_settings  # not read anew: the model may have changed the environment
_started = time.monotonic()
if loading.shared is None:
    _runner = loading.load(_settings)
else:
    _runner = loading.shared
    forking.reseed()
load_seconds = time.monotonic() - _started
model_seconds = load_seconds if loading.shared is None else loading.shared_seconds
golden.require(_runner, _settings)
assert _settings.run_dir is not None
with contextlib.suppress(OSError):  # on a full disk nothing is counted, but everything is answered
    meters.share(metrics_page.folder_of(_settings.run_dir.parent))
watchdog.start(_runner.look, _settings.timeout, blackbox.mine)
application = create_app(_runner, _settings)
