#!/usr/bin/env bash
# Train on local_test/test_dir, as SageMaker would on /opt/ml.
#   train_local.sh          on this machine
#   train_local.sh IMAGE    in this Docker image
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# <= 1)) || fail "one image at most." "Usage: $0 [IMAGE]"
mkdir -p "$test_dir/model" "$test_dir/output"

if (($#)); then
  need_docker "$1"
  run_in_docker "$1" train
fi
need_python "$root/container/requirements.txt"
export ML_ROOT=$test_dir
exec "$root/container/train"
