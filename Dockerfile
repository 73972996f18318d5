# Any Debian-based image with Python 3.11 or later, its venv module and pip will do as the base.
# No step needs more than the classic builder has, so every Docker client can build it.
# A tag moves with its releases. For a base that never changes, name its digest: docker build
# --build-arg BASE_IMAGE=python:3.13-slim-trixie@sha256:... (docker buildx imagetools inspect shows it).
ARG BASE_IMAGE=python:3.13-slim-trixie


# The packages, ours before the model's: a change of the model's does not install ours again.
FROM ${BASE_IMAGE} AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -m venv --without-pip /opt/venv
# By their hashes: a file that is not the one we tested ends the build. The second pip looks only at what is
# there: it ends the build where the lock is older than requirements.txt.
COPY requirements.lock requirements.txt /build/
RUN python3 -m pip --python /opt/venv/bin/python install --require-hashes -r /build/requirements.lock \
 && { python3 -m pip --python /opt/venv/bin/python install --no-index --no-deps -r /build/requirements.txt \
      || { echo "requirements.lock does not have what requirements.txt names. Run 'make lock', then build again."; \
           exit 1; }; }
COPY container/requirements.txt /build/model.txt
RUN python3 -m pip --python /opt/venv/bin/python install -r /build/model.txt


# The program. A checkout may have lost what Linux needs: SageMaker may run us as any user (A4), so
# all must be readable whatever the umask was; a carriage return in a first line names no program.
FROM ${BASE_IMAGE} AS program
WORKDIR /opt/program
COPY nginx.conf container ./
RUN broken=$(grep -rIl "^#!.*$(printf '\r')" . || true) \
 && if [ -n "$broken" ]; then \
        printf '%s\n' "These files have Windows line ends (CRLF), so Linux cannot run them:" $broken \
            "Run in container/, then build again: sed -i 's/\\r\$//' FILE..."; \
        exit 1; \
    fi \
 && chmod a+x serve train invoke \
 && chmod -R a+rX . \
 && { python3 -m compileall -q . || true; }


FROM ${BASE_IMAGE}
# Some base images come without the standard library's bytecode. A start would compile it each time,
# 0.3 s of it, as nothing is written at run time: so it is compiled here. What is there already stays.
RUN python3 -m compileall -q -x '/(site-packages|dist-packages|test|tests)/' \
        "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" || true
# nginx without a version: Debian's archive has only the newest, so that a pinned one cannot be built for long, and
# its security updates are wanted. For the same image twice, pull it by its digest.
# hadolint ignore=DL3008
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends nginx \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/apt /var/log/*.log \
 && groupadd --gid 10001 longshore \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin longshore \
 && mkdir -p /opt/ml/model /opt/ml/input /opt/ml/output

# A7. Further labels belong to features this image does not have.
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true \
      org.opencontainers.image.title="Longshore" \
      org.opencontainers.image.description="A SageMaker algorithm behind nginx, gunicorn and Flask" \
      org.opencontainers.image.licenses="Apache-2.0"

ENV PATH=/opt/program:/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/program
EXPOSE 8080

COPY --from=packages /opt/venv /opt/venv

# Exec form, so that SIGTERM reaches the program (A1). `env` only looks it up on PATH and becomes it:
# `serve` and `train` run, and so does any other command.
ENTRYPOINT ["/usr/bin/env", "--"]
CMD ["serve"]

COPY --from=program /opt/program /opt/program
