"""`referee overnight` with the patience of a test, as a program of its own: it forks, and signals end it."""

import argparse
import json
import os
import sys
from typing import Any

from referee.sandbox.errors import RefereeError
from referee.server.commands import overnight
from referee.server.overnight.pace import Pace


def main() -> int:
    """The same as the command, with the pace of `NIGHT_PACE`."""
    parser = argparse.ArgumentParser()
    overnight.add_arguments(parser)
    given = parser.parse_args()
    quick: dict[str, Any] = {"first": 0.02, "grace": 0.3, "polite": 1.0, "tick": 0.02}
    pace = Pace(**(quick | json.loads(os.environ["NIGHT_PACE"])))
    try:
        return overnight.overnight(given, pace)
    except RefereeError as fault:
        sys.stderr.write(f"referee: {fault}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
