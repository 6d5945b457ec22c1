"""`make demo`: the story of the journey for a person, each step with the commands that one can type oneself."""

import sys
import time
from pathlib import Path

from tests.journey.story import Story
from tests.journey.world import World, emptied

FOLDER = Path("data") / "demo"


def main() -> None:
    started = time.monotonic()
    with World(emptied(FOLDER).absolute(), tell=say) as world:
        say("# Taking code out of a training set, from the request to the release where it is gone")
        say(f"All that it writes is below {FOLDER}; the commands of the service run with these set:\n")
        for name in ("DATA_DIR", "EMAIL_URL", "FORGES", "FORGES_ALLOW_PRIVATE", "SITE_URL"):
            say(f"export {name}={world.environment[name]}")
        Story(world).tell()
    say(f"\nDone in {time.monotonic() - started:.0f} s.")
    say(f"The signed list, the clean shards and the receipt are in {FOLDER}.")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
