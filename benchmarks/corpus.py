"""The text that is measured on: at least 300 MB of real code, from this machine and from packages."""

import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from search.shards import read_documents

RELEASE = "benchmark-1"
MEGABYTES = 320
PACKAGES = (
    "ansible==12.1.0",
    "babel==2.17.0",
    "kubernetes==34.1.0",
    "matplotlib==3.10.7",
    "networkx==3.5",
    "pandas==2.3.3",
    "plotly==6.3.1",
    "scikit-learn==1.7.2",
    "scipy==1.17.1",
    "sqlalchemy==2.0.44",
    "sympy==1.14.0",
)
STRANGERS = ("twisted==25.5.0", "mercurial==7.1.1")
"""Packages that are kept out of the release: the code of people who are not in it."""


def folder() -> Path:
    return Path(settings.DATA_DIR)


def sources() -> Path:
    """A folder with the unpacked packages, fetched on the first call."""
    return _unpacked("packages", PACKAGES)


def _unpacked(name: str, packages: tuple[str, ...]) -> Path:
    unpacked = folder() / name
    if not unpacked.exists():
        wheels = folder() / f"{name}-wheels"
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*fetch, "--dest", str(wheels), *packages], check=True)
        for wheel in sorted(wheels.glob("*.whl")):
            zipfile.ZipFile(wheel).extractall(unpacked / "-".join(wheel.name.split("-")[:2]))
    return unpacked


def shards() -> Path:
    """The folder of the sample's shards."""
    out = folder() / "sample"
    if not (out / "sample.json").exists():
        call_command("make_sample", out=out, megabytes=MEGABYTES, source=[sources()], verbosity=0)
    return out


def held(megabytes: int) -> list[bytes]:
    """So much of the release's texts, shard by shard."""
    found: list[bytes] = []
    for shard in sorted(shards().rglob("*.parquet")):
        found += [document.content for document in read_documents(shard, max_bytes=10**7, tally=Counter())]
        if sum(map(len, found)) > megabytes * 1e6:
            break
    return found


def strange() -> list[bytes]:
    """The Python of the packages that are not in the release."""
    paths = sorted(_unpacked("strangers", STRANGERS).rglob("*.py"))
    return [content for path in paths if (content := path.read_bytes())]
