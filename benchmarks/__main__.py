"""`python -m benchmarks [kernels] [building] [asking] [starting] [filtering]`: all of them where none is named.

Works in a DATA_DIR of its own (data/benchmarks) and prints Markdown. `asking` and `starting` ask what `building` built.
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
}


def main(names: list[str]) -> int:
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
