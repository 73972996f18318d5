# What the scripts of this folder share: where things lie, and the checks of what they need.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
test_dir=$here/test_dir

# fail WHAT REMEDY: says both on stderr, and ends the script.
fail() {
  printf '%s: %s\n  %s\n' "$(basename "$0")" "$1" "$2" >&2
  exit 1
}

# need_port PORT: fails unless it is one.
need_port() {
  if ! [[ $1 =~ ^[1-9][0-9]{0,4}$ ]] || (($1 > 65535)); then
    fail "PORT '$1' is no port." "Give a number from 1 to 65535: PORT=8080 $0"
  fi
}

# has_model: whether test_dir/model has the files of a model.
has_model() { [[ -n $(find "$test_dir/model" -type f ! -name .gitignore -print -quit 2>/dev/null) ]]; }

# need_free_port PORT: fails if something listens there already.
need_free_port() {
  if (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
    fail "port $1 is taken: something listens there." "Stop it, or name another port: PORT=$(($1 < 65535 ? $1 + 1 : 8080)) $0"
  fi
}

# runs_a_program [IMAGE]: whether the algorithm runner serves, by the environment or by the image's own.
runs_a_program() {
  local settings
  settings=$(env; if (($#)); then docker image inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$1"; fi)
  grep -qE '^(RUNNER=algorithm|(ALGORITHM|GRAND_CHALLENGE_COMPONENT)_(COMMAND|CMD_B64J|ENTRYPOINT_B64J)=.)' <<<"$settings"
}

# need_docker IMAGE: fails unless an engine answers and has this image.
need_docker() {
  command -v docker >/dev/null ||
    fail "docker is not installed." "Install Docker, or name no image to run on this machine itself."
  docker version >/dev/null 2>&1 ||
    fail "no Docker engine answers." "Start Docker (and see that you may use it: docker version)."
  docker image inspect "$1" >/dev/null 2>&1 ||
    fail "there is no image '$1' here." "Build it: docker build -t $1 $root"
}

# Settings of ours, and of the libraries below us, that a container gets from the environment of the script. The port
# is the script's to set, and profiles name files that a container does not have.
passed_on='^(MODEL_SERVER_|SAGEMAKER_|SM_|ALGORITHM_|GRAND_CHALLENGE_COMPONENT_|RUNNER$|LOG_LEVEL$|[A-Z]+_NUM_THREADS$|AWS_)'
kept_back='^(SAGEMAKER_BIND_TO_PORT|AWS_PROFILE|AWS_DEFAULT_PROFILE|AWS_CONFIG_FILE|AWS_SHARED_CREDENTIALS_FILE)$'

# run_in_docker IMAGE COMMAND [OPTION...]: becomes a container of that image, with test_dir as its /opt/ml.
run_in_docker() {
  local image=$1 command=$2 name
  shift 2
  while read -r name; do
    [[ ! $name =~ $passed_on || $name =~ $kept_back ]] || set -- --env "$name" "$@"
  done < <(compgen -e)
  # As you, so that what it writes into test_dir is yours. A rootless engine maps you to root inside.
  if [[ $(docker info --format '{{.SecurityOptions}}') != *rootless* ]]; then
    set -- --user "$(id -u):$(id -g)" "$@"
  fi
  exec docker run --rm "$@" --volume "$test_dir:/opt/ml" "$image" "$command"
}

# need_python REQUIREMENTS...: puts .venv first on PATH where there is one, and fails unless its Python
# is recent enough and has the packages that these files name.
need_python() {
  local missing
  if [[ -d $root/.venv/bin ]]; then export PATH="$root/.venv/bin:$PATH"; fi
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "there is no python3 of version 3.11 or later." "Install one, then in $root: make setup"
  missing=$(
    python3 - "$@" <<'PYTHON'
import re
import sys
from importlib.metadata import PackageNotFoundError, version

missing = []
for file in sys.argv[1:]:
    for line in open(file, encoding="utf-8"):
        name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line)
        if name and ";" not in line:  # a condition after ; may say that it is not for this Python
            try:
                version(name[0])
            except PackageNotFoundError:
                missing.append(name[0])
print(*missing)
PYTHON
  )
  [[ -z $missing ]] ||
    fail "$(command -v python3) lacks these packages: $missing." "In $root: make setup"
}
