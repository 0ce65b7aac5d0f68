"""Places 26 circles in the unit square. This is the file to edit.

Called with one argument: the JSON file to write, a list of 26 lists [x, y, radius].
"""

import json
import sys
from pathlib import Path

CIRCLES = 26


def pack() -> list[list[float]]:
    """Return 26 circles: the first places of a grid of six by six."""
    radius = 1 / 12 - 1e-9
    return [[(2 * (i % 6) + 1) / 12, (2 * (i // 6) + 1) / 12, radius] for i in range(CIRCLES)]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(pack()), encoding="utf-8")
