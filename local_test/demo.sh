#!/usr/bin/env bash
# Trains the sample model, serves it on a free port, asks it for predictions, ends it: all on this machine.
#   demo.sh          needs what `make setup` installs, and curl
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need_python "$root/requirements.txt" "$root/container/requirements.txt"
command -v curl >/dev/null || fail "curl is not installed." "Install it with your system's package manager."

# show COMMAND...: print it as one would type it, then run it.
show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

cd "$root"
if grep -qw train container/model.py || ! has_model; then
  echo "1. Train the model in container/model.py on local_test/test_dir, as SageMaker would on /opt/ml."
  show local_test/train_local.sh
else
  echo "1. Training is left out: container/model.py has no train(), and local_test/test_dir/model has a model."
fi

PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PORT
log=$(mktemp "${TMPDIR:-/tmp}/lshr-demo.XXXXXXXX")
printf '\n2. Serve it: nginx, gunicorn and Flask, on port %s.\n\n$ PORT=%s local_test/serve_local.sh &\n' "$PORT" "$PORT"
local_test/serve_local.sh >>"$log" 2>&1 & # appending: several processes write to it
server=$!

# finish: ends the server; if the demo has failed, shows why, and keeps the server's log.
# shellcheck disable=SC2329 # the trap calls it
finish() {
  local code=$?
  kill "$server" 2>/dev/null || true
  wait "$server" || true
  if ((code == 0)); then
    rm -f "$log"
  else
    printf '\nThe end of the log of the server, which is kept in %s:\n' "$log" >&2
    # Tracebacks are in one line of JSON: here they are to be read.
    grep -v '"path":"/ping"' "$log" | tail -n 20 | sed 's/\\n/\n/g' >&2
  fi
  exit "$code"
}
trap finish EXIT

for _ in $(seq 300); do
  status=$(curl --silent --noproxy '*' --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$PORT/ping" || true)
  [[ $status != 200 ]] || break
  kill -0 "$server" 2>/dev/null || fail "the server ended." "Its output below says why."
  sleep 0.1
done
[[ $status == 200 ]] || fail "no healthy /ping after 30 s." "The output of the server below may say why."
printf '$ curl -s -o /dev/null -w "%%{http_code}" http://127.0.0.1:%s/ping\n%s\n' "$PORT" "$status"

printf '\n3. Ask it: what is in local_test/payload.csv, then in local_test/payload.json.\n'
for payload in local_test/payload.csv local_test/payload.json; do
  show cat "$payload"
  show local_test/predict.sh "$payload" ||
    fail "the model did not answer $payload." \
      "If the model is yours: its log below says why it failed. If it refuses the request, put another into that file."
  echo
done

printf '\n4. Stop it: SIGTERM, as SageMaker does.\n\n$ kill %s\n' "$server"
kill "$server"
code=0
wait "$server" || code=$?
printf 'serve ended with exit code %s. From its log, a JSON object a line:\n' "$code"
grep -E '"logger": ?"(serve|access)"' "$log" | grep -v '"path":"/ping"'
exit "$code"
