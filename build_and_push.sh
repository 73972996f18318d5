#!/usr/bin/env bash
# Builds the image and pushes it into Amazon ECR, where SageMaker takes it from.
#
# Each step either works or ends the script with one message: which step, why, what to do. What can fail
# without changing anything (names, tools, credentials, the build) comes first; the repository, the only
# thing made on AWS, is made last before the push.
set -euo pipefail
export LC_ALL=C # [a-z] means these 26, and a length is one in bytes
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'EOF'
Usage: ./build_and_push.sh IMAGE [--tag TAG] [--immutable] [--dry-run] [-- BUILD OPTIONS]

Builds the image for linux/amd64, creates the ECR repository IMAGE if there is none (scan on push), and
pushes the image with two tags: TAG and the git revision. What the registry then has is read back: it must
be a Docker manifest (schema 2), the only kind that SageMaker accepts. Account and region are those of the
AWS CLI or, where it is not installed, of boto3.

  --tag TAG      the tag beside the git revision; `latest` unless the repository's tags are immutable
  --immutable    create the repository with immutable tags: none can be overwritten
  --dry-run      print each command that would change something, run only those that read
  --             what follows goes to `docker build`, --build-arg NAME=VALUE for example
EOF
}

# fail STEP WHY REMEDY
fail() {
  printf 'build_and_push.sh: cannot %s: %s\n%s\n' "$1" "$2" "$3" >&2
  exit 1
}

show() { printf '+%s\n' "$(printf ' %q' "$@")"; }

# run COMMAND...: show it, and run it unless this is a dry run.
run() {
  show "$@"
  [ -n "$dry_run" ] || "$@"
}

# aws_api SERVICE OPERATION QUERY [REQUEST]: call AWS with REQUEST (JSON), print what QUERY (JMESPath) finds,
# tabs between several values. On failure $errors holds the reason.
aws_api() {
  local request=${4:-"{}"}
  if [ "$aws" = cli ]; then
    aws "$1" "$2" --cli-input-json "$request" --query "$3" --output text 2>"$errors"
  else
    "$python" - "$1" "$2" "$3" "$request" 2>"$errors" <<'EOF'
import json
import sys

import boto3
import jmespath

service, operation, query, request = sys.argv[1:]
try:
    call = getattr(boto3.client(service), operation.replace("-", "_"))
    found = jmespath.search(query, call(**json.loads(request)))
except Exception as error:  # one line, whatever it is: the shell tells it
    sys.exit(str(error))
print(*found if isinstance(found, list) else [found], sep="\t")
EOF
  fi
}

# reason: the last line of what the failed call wrote.
reason() { awk 'NF { line = $0 } END { print line }' "$errors"; }

read_arguments() {
  image='' tag='' immutable='' dry_run='' build_options=()
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage; exit 0 ;;
      --tag)
        [ $# -ge 2 ] || fail 'read the arguments' '--tag needs a value.' 'For example: --tag v1'
        tag=$2
        shift
        ;;
      --immutable) immutable=yes ;;
      --dry-run) dry_run=yes ;;
      --) shift; build_options=("$@"); break ;;
      -*) fail 'read the arguments' "there is no option $1." 'See ./build_and_push.sh --help' ;;
      *)
        [ -z "$image" ] || fail 'read the arguments' "both '$image' and '$1' are given." 'Give one IMAGE.'
        image=$1
        ;;
    esac
    shift
  done

  [ -n "$image" ] || { usage >&2; exit 2; }
  local word='[a-z0-9]+([._-][a-z0-9]+)*'
  if ! [[ $image =~ ^$word(/$word)*$ ]] || [ ${#image} -lt 2 ] || [ ${#image} -gt 256 ]; then
    fail 'use this name' "'$image' is no name for an ECR repository." \
      'Give 2 to 256 lower-case letters and digits, with single . _ - or / between them.'
  fi
  if [ -n "$tag" ] && ! [[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]]; then
    fail 'use this tag' "'$tag' is no tag." \
      'Give at most 128 letters, digits and . _ -, and neither . nor - first.'
  fi
}

find_tools() {
  command -v docker >/dev/null \
    || fail 'find Docker' 'there is no docker command.' 'Install it: https://docs.docker.com/get-docker'
  if [ -z "$dry_run" ] && ! docker version --format '{{.Server.Version}}' >/dev/null 2>"$errors"; then
    fail 'reach the Docker engine' "$(reason)" 'Start Docker, or let DOCKER_HOST name an engine that runs.'
  fi

  has_buildx=''
  ! docker buildx version >/dev/null 2>&1 || has_buildx=yes
  command -v curl >/dev/null || fail 'find curl' 'there is no curl command.' 'Install it.'

  aws='' python=''
  if aws --version >/dev/null 2>&1; then
    aws=cli
    return
  fi
  for python in .venv/bin/python python3; do
    if "$python" -c 'import boto3' 2>/dev/null; then
      aws=boto3
      return
    fi
  done
  fail 'find a way to AWS' 'there is neither the AWS CLI nor a Python with boto3.' \
    'Install the AWS CLI, or run make setup, which installs boto3.'
}

learn_account() {
  local region arn
  region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
  if [ -z "$region" ]; then
    if [ "$aws" = cli ]; then
      region=$(aws configure get region || true)
    else
      region=$("$python" -c 'import boto3; print(boto3.Session().region_name or "")')
    fi
  fi
  [ -n "$region" ] \
    || fail 'learn the region' 'none is configured.' 'Set AWS_REGION, or run: aws configure set region REGION'
  export AWS_REGION=$region AWS_DEFAULT_REGION=$region # the CLI and boto3 differ in which they read

  arn=$(aws_api sts get-caller-identity Arn) \
    || fail 'learn the account' "$(reason)" \
      'Log in (aws configure, aws sso login), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.'
  local partition account
  IFS=: read -r _ partition _ _ account _ <<<"$arn"
  echo "Account $account, region $region, partition $partition, as $arn"

  # ECR itself names the registry's host: its suffix is the partition's (F3).
  local answer
  answer=$(aws_api ecr get-authorization-token 'authorizationData[0].[authorizationToken, proxyEndpoint]') \
    || fail 'ask ECR for a login' "$(reason)" \
      "Check that $region is a region, and that $arn may call ecr:GetAuthorizationToken."
  token=${answer%%$'\t'*}
  endpoint=${answer#*$'\t'} registry=${answer##*//}
}

look_for_repository() {
  local query='repositories[0].imageTagMutability'
  if mutability=$(aws_api ecr describe-repositories "$query" "{\"repositoryNames\": [\"$image\"]}"); then
    missing=''
    if [ -n "$immutable" ] && [ "$mutability" = MUTABLE ]; then
      fail 'use the repository' "$image exists, and its tags are mutable." \
        "Leave out --immutable, or make them immutable first: aws ecr put-image-tag-mutability"
    fi
  elif grep -q RepositoryNotFoundException "$errors"; then
    missing=yes
    mutability=MUTABLE
    [ -z "$immutable" ] || mutability=IMMUTABLE
  else
    fail 'look for the repository' "$(reason)" 'These credentials need ecr:DescribeRepositories.'
  fi
}

choose_tags() {
  local sources=(Dockerfile .dockerignore requirements.txt requirements.lock nginx.conf container)
  revision=''
  if revision=$(git rev-parse --short=12 HEAD 2>/dev/null); then
    [ -z "$(git status --porcelain -- "${sources[@]}")" ] || revision+=-dirty
  else
    echo 'No git revision here: the image gets no tag of one.'
  fi

  tags=()
  # `latest` moves with each push: not where tags are immutable.
  [ -n "$tag" ] || [ "$mutability" = IMMUTABLE ] || tag=latest
  [ -z "$tag" ] || tags+=("$tag")
  [ -z "$revision" ] || [ "$revision" = "$tag" ] || tags+=("$revision")
  [ ${#tags[@]} -gt 0 ] \
    || fail 'choose a tag' 'latest cannot move where tags are immutable, and there is no git revision.' 'Give --tag TAG.'

  local each uri
  for each in "${tags[@]}"; do
    uri=$registry/$image:$each
    [ ${#uri} -le 255 ] \
      || fail 'use this name' "$uri has ${#uri} characters, SageMaker takes 255." 'Give a shorter IMAGE or TAG.'
  done
}

build_image() {
  # SageMaker takes neither an index with attestations (F4) nor an OCI manifest (F5). buildx makes them by
  # default. The classic builder, for a client without buildx, makes OCI manifests in the containerd store.
  local build=(env DOCKER_BUILDKIT=0 docker build)
  if [ -n "$has_buildx" ]; then
    build=(docker buildx build --provenance=false --sbom=false
      --output "type=docker,oci-mediatypes=false,compression=gzip,force-compression=true")
  elif [ "$mutability" = IMMUTABLE ] \
    && docker info --format '{{json .DriverStatus}}' 2>/dev/null | grep -q io.containerd.snapshotter; then
    fail 'build for immutable tags' 'without buildx this engine makes OCI manifests, which SageMaker refuses.' \
      'Install docker-buildx. (Where tags are mutable, the manifest is corrected after the push.)'
  fi
  build+=(--platform linux/amd64 --tag "$image:${tags[0]}")
  [ -z "$revision" ] || build+=(--label "org.opencontainers.image.revision=$revision")
  run "${build[@]}" ${build_options[@]+"${build_options[@]}"} . \
    || fail 'build the image' 'docker build failed; its last lines above say why.' \
      'Mend that, then run this again: nothing was changed on AWS.'
}

create_repository() {
  [ -n "$missing" ] || return 0
  local request
  request="{\"repositoryName\": \"$image\", \"imageTagMutability\": \"$mutability\","
  request+=' "imageScanningConfiguration": {"scanOnPush": true}}'
  show aws ecr create-repository --cli-input-json "$request"
  [ -n "$dry_run" ] || aws_api ecr create-repository repository.repositoryArn "$request" \
    || fail 'create the repository' "$(reason)" \
      'These credentials need ecr:CreateRepository; or let someone create it for you.'
}

log_in() {
  run docker login --username AWS --password-stdin "$registry" 2>"$errors" \
    < <(base64 --decode <<<"$token" | cut -d: -f2-) \
    || fail "log in to $registry" "$(reason)" 'Check that this machine reaches the registry, and that Docker can store a login (docker login).'
}

# registry_api PATH CURL OPTIONS...: the login goes through stdin, so that no list of processes shows it.
registry_api() {
  local path=$1
  shift
  curl --silent --show-error --fail --connect-timeout 30 --retry 2 --config - "$@" \
    "$endpoint/v2/$image/$path" 2>"$errors" <<<"header = \"Authorization: Basic $token\""
}

# read_manifest TAG: into $manifest; its type into $media_type.
read_manifest() {
  media_type=$(registry_api "manifests/$1" --output "$manifest" --write-out '%{content_type}' \
    --header "Accept: $docker_type, $oci_type, ${oci_type/manifest/index}, ${docker_type/manifest/manifest.list}") \
    || fail "read the manifest of $image:$1 back" "$(reason)" \
      'These credentials need ecr:BatchGetImage. Until it is read, SageMaker may refuse the image (F4, F5).'
  media_type=${media_type%%;*}
}

# convert_manifest TAG: replace an OCI manifest by Docker's of the same configuration and layers.
convert_manifest() {
  local text
  text=$(<"$manifest")
  text=${text//$oci_type/$docker_type}
  text=${text//$oci_config/$docker_config}
  text=${text//$oci_layer/$docker_layer}
  [[ $text == *"$docker_type"* ]] || text="{\"mediaType\": \"$docker_type\",${text#*\{}"
  [[ $text != *vnd.oci.* && $text != *zstd* ]] \
    || fail "convert the manifest of $image:$1" 'a layer or the configuration is of a type that Docker manifests lack.' \
      'Use base images with gzip layers, or install docker-buildx, which compresses them anew.'
  printf '%s' "$text" >"$converted"
  registry_api "manifests/$1" --request PUT --header "Content-Type: $docker_type" --data-binary "@$converted" \
    || fail "convert the manifest of $image:$1" "$(reason)" \
      'SageMaker refuses the OCI manifest that was pushed (F5). Install docker-buildx, or let these credentials call ecr:PutImage.'
  read_manifest "$1"
  cmp -s "$manifest" "$converted" \
    || fail "convert the manifest of $image:$1" 'the registry returns another one than it was sent.' 'Push it again.'
}

# check_pushed TAG: what the tag names is what SageMaker accepts.
check_pushed() {
  read_manifest "$1"
  if [ "$media_type" = "$oci_type" ]; then
    echo "The engine pushed an OCI manifest, which SageMaker refuses (F5): replacing it by Docker's."
    convert_manifest "$1"
  fi
  [ "$media_type" = "$docker_type" ] \
    || fail "use what was pushed as $image:$1" "SageMaker refuses its type, $media_type." \
      'Build one platform, without attestations: no --provenance, --sbom or second --platform among the build options.'
  echo "$registry/$image:$1 is $media_type"
}

push_image() {
  local each
  for each in "${tags[@]}"; do
    run docker tag "$image:${tags[0]}" "$registry/$image:$each"
    run docker push "$registry/$image:$each" \
      || fail "push $registry/$image:$each" 'docker push failed; its last lines above say why.' \
        'If it was denied: these credentials need ecr:PutImage, ecr:InitiateLayerUpload, ecr:UploadLayerPart,
ecr:CompleteLayerUpload and ecr:BatchCheckLayerAvailability. If the tag is immutable: commit, or give another --tag.'
    [ -n "$dry_run" ] || check_pushed "$each"
  done
}

oci_type=application/vnd.oci.image.manifest.v1+json docker_type=application/vnd.docker.distribution.manifest.v2+json
oci_config=application/vnd.oci.image.config.v1+json docker_config=application/vnd.docker.container.image.v1+json
oci_layer=application/vnd.oci.image.layer.v1.tar+gzip docker_layer=application/vnd.docker.image.rootfs.diff.tar.gzip
work=$(mktemp -d)
errors=$work/errors manifest=$work/manifest converted=$work/converted
trap 'rm -rf "$work"' EXIT
read_arguments "$@"
find_tools
learn_account
look_for_repository
choose_tags
build_image
create_repository
log_in
push_image
if [ -n "$dry_run" ]; then
  echo 'Dry run: nothing was changed. The image for SageMaker would be:'
else
  echo 'Pushed. The image for SageMaker:'
fi
echo "$registry/$image:${tags[0]}"
