"""The real S3 server that tests ask, and where it is to be had.

`make stack` starts one that all tests share; each of them has a bucket of its own in it. Where a test must stop the
server, or cut it off, it starts another.
"""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from stack.s3 import S3, program
from stack.services import FOLDER, StackError

SHARED = S3(FOLDER / "s3")
REASON = "no S3 server runs here; `make stack` builds and starts one"
VARIABLES = ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY", "SECRET_KEY_FILE", "ANONYMOUS", "CA")


def _is_built() -> bool:
    try:
        return program(build=False).exists()
    except StackError:
        return False


needs_server = pytest.mark.skipif(not SHARED.pid and "CODESTEWARD_CI" not in os.environ, reason=REASON)
needs_program = pytest.mark.skipif(not _is_built() and "CODESTEWARD_CI" not in os.environ, reason=REASON)


def environment_of(server: S3) -> dict[str, str]:
    """Every variable of S3: those that are set elsewhere must not be taken for ours."""
    nothing = {f"{variables}_{name}": "" for variables in ("S3", "CONTENTS_S3") for name in VARIABLES}
    return {**nothing, **server.environment}


@contextmanager
def bucket_of_its_own(server: S3 = SHARED) -> Iterator[str]:
    """The URL of an empty bucket that nobody else knows."""
    name = f"test-{uuid4().hex[:16]}"
    server.make_bucket(name)
    try:
        yield f"s3://{name}"
    finally:
        shutil.rmtree(server.data / name, ignore_errors=True)


@contextmanager
def another_server() -> Iterator[S3]:
    """A server that may be killed. Its folder is not pytest's: another user must be able to enter it."""
    folder = Path(tempfile.mkdtemp(prefix="codesteward-s3-", dir="/var/tmp"))
    server = S3(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def make_public(server: S3, bucket: str) -> None:
    """Let everybody read a bucket, and list it. The server keeps such a policy with the folder."""
    name = bucket.removeprefix("s3://")
    resources = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"]}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": resources}]}
    os.setxattr(server.data / name, "user.policy", json.dumps(policy).encode())
