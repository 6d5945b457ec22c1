"""`python -m benchmarks [PART]...`; all of PARTS where none is named.

Works in a DATA_DIR of its own (data/benchmarks) and prints Markdown. `asking` and `starting` ask what `building` built.
`python -m benchmarks simulate` prints what larger releases would cost (docs/scaling.md).
"""

import os
import platform
import sys
from importlib import import_module

os.environ["DATA_DIR"] = os.environ.get("BENCHMARK_DIR", "data/benchmarks")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

PARTS = {
    "kernels": "One core, by step",
    "building": "Build",
    "asking": "Answers, in process",
    "starting": "Start-up",
    "filtering": "Filter",
    "fetching": "Contents from an S3 server",
    "reading": "Memory of reading",
    "engines": "Engines on one corpus: tantivy / Elasticsearch",
    "workers": "Build by two workers",
}


def main(names: list[str]) -> int:
    if names[:1] == ["simulate"]:
        simulated: int = import_module("benchmarks.simulate").main(names[1:])
        return simulated
    unknown = sorted(set(names) - set(PARTS))
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    import_module("django").setup()
    rows = import_module("benchmarks.rows")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    for name in names or PARTS:
        rows.print_table(PARTS[name], import_module(f"benchmarks.{name}").rows())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
