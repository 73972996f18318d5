#!/usr/bin/env bash
# Send a file to the model that serve_local.sh serves, and print the answer.
#   predict.sh PAYLOAD [CONTENT_TYPE]    (application/json for a .json file, else text/csv)
# PORT says where it listens, if not on 8080.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# == 1 || $# == 2)) || fail "which payload?" "Usage: $0 PAYLOAD [CONTENT_TYPE], for example $0 $here/payload.csv"
payload=$1
[[ -f $payload && -r $payload ]] || fail "there is no file '$payload' to read." "Try $here/payload.csv"
case $payload in
  *.json) content_type=${2:-application/json} ;;
  *) content_type=${2:-text/csv} ;;
esac
port=${PORT:-8080}
need_port "$port"
command -v curl >/dev/null || fail "curl is not installed." "Install it with your system's package manager."

# A refusal's body goes to stdout, its status to stderr, and the exit code is 22.
status=0
curl --silent --show-error --fail-with-body --noproxy '*' \
  --header "Content-Type: $content_type" --data-binary "@$payload" \
  "http://127.0.0.1:$port/invocations" || status=$?
if ((status == 7)); then
  fail "nothing listens on port $port." "Serve the model first, in another terminal: $here/serve_local.sh"
fi
exit "$status"
