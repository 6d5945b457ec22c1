# One image for every process of the service: web, workers, beat, commands. Which one it is says docker-compose.yml.
#
#   docker build --tag codesteward:local .
#
# The base is pinned by digest; a newer one is taken by changing this line. Packages of Debian come with it and with the
# day of the build.
FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d AS base

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PATH=/opt/codesteward/bin:$PATH


FROM base AS build

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

RUN python -m venv /opt/codesteward
COPY requirements/base.txt /src/requirements/base.txt
# Wheels alone: nothing is compiled or run that no digest stands for.
RUN pip install --require-hashes --only-binary :all: --requirement /src/requirements/base.txt

COPY . /src
WORKDIR /src
RUN pip install --no-deps --no-build-isolation . \
    && python -m compileall -q /opt/codesteward/lib

# Names with digests, as production serves them. The values only let the settings start, and stay in this stage.
WORKDIR /src/empty
RUN ENVIRONMENT=production SECRET_KEY=build ALLOWED_HOSTS=build SIGNING_KEY=build LEDGER_KEY=build \
    LEDGER_ORIGIN=build SITE_URL=https://build.invalid EMAIL_URL=smtp://build.invalid \
    DATA_DIR=/tmp/build STATIC_DIR=/opt/codesteward/static \
    python ../manage.py collectstatic --no-input


FROM base

# ssh-keygen checks proofs and nothing else of it is used.
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 codesteward \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/codesteward --no-create-home \
        --shell /usr/sbin/nologin codesteward \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/codesteward /var/spool/codesteward

COPY --from=build /opt/codesteward /opt/codesteward
COPY manage.py gunicorn.conf.py LICENSE /app/
WORKDIR /app

# What is written, and what is compiled for the machine's own processor; everything else may be read-only.
ENV DATA_DIR=/var/lib/codesteward \
    STATIC_DIR=/opt/codesteward/static \
    NUMBA_CACHE_DIR=/tmp/numba

USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "governance.wsgi", "--bind", "0.0.0.0:8000", "--workers", "4", "--threads", "4", \
     "--worker-tmp-dir", "/tmp"]
