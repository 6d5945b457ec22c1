"""The servers that a cluster needs, natively on this machine, for development and for CI; not for production.

    python -m stack start [SERVICE...]     # installs what is missing (as root), starts, prints the environment
    python -m stack stop [SERVICE...]
    python -m stack status [SERVICE...]    # exit status 1 where one of them does not run

Services: postgresql, redis, elasticsearch, s3; all of them where none is named. They listen on free ports of 127.0.0.1
and keep everything below CODESTEWARD_STACK (default /var/tmp/codesteward-stack). `source FOLDER/environment` sets what
a shell needs to use them.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from stack import packages
from stack.machine import KINDS, Machine
from stack.services import FOLDER, StackError


def start(machine: Machine, names: Sequence[str]) -> int:
    packages.provide(names)
    machine.start(names)
    sys.stdout.write(f"{machine.exports()}# source {machine.environment_file}\n")
    return 0


def stop(machine: Machine, names: Sequence[str]) -> int:
    machine.stop(names)
    return 0


def status(machine: Machine, names: Sequence[str]) -> int:
    running = machine.running()
    for name in names:
        told = f"{running[name].url} (process {running[name].pid})" if name in running else "does not run"
        sys.stdout.write(f"{name:<14} {told}\n")
    return int(not set(names) <= set(running))


COMMANDS: dict[str, Callable[[Machine, Sequence[str]], int]] = {"start": start, "stop": stop, "status": status}


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m stack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("services", nargs="*", metavar="SERVICE", help=", ".join(KINDS))
    asked = parser.parse_args(arguments)
    if unknown := sorted(set(asked.services) - set(KINDS)):
        parser.error(f"there is no service {', '.join(unknown)}; there are {', '.join(KINDS)}")
    try:
        return COMMANDS[asked.command](Machine(folder.absolute()), asked.services or list(KINDS))
    except StackError as error:
        sys.stderr.write(f"{error}\n")
    except OSError as error:
        sys.stderr.write(f"{error.filename or asked.command}: {error.strerror}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
