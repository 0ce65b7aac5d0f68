"""Frozen: routes every message of tasks.tsv by the rules of prompt.md and prints the share that went to the right desk.

Covered: the prompt is data for engine.py, so it can print nothing; its length is limited, so that it cannot simply list
the messages. What is printed besides the metric names desks and counts, never a message.
"""

import sys
from collections import Counter
from pathlib import Path

from engine import DESKS, PromptError, parse


def tasks() -> list[tuple[str, str]]:
    """Return (desk, message) for every task."""
    lines = Path("tasks.tsv").read_text(encoding="utf-8").splitlines()
    return [(desk, message) for desk, _, message in (line.partition("\t") for line in lines)]


def main() -> None:
    try:
        prompt = parse(Path("prompt.md").read_text(encoding="utf-8"))
    except PromptError as error:
        sys.exit(f"evaluate.py: prompt.md: {error}")
    routed = Counter((desk, prompt.route(message)) for desk, message in tasks())
    right = sum(routed[desk, desk] for desk in DESKS)
    for (desk, found), count in sorted(routed.items()):
        print(f"  {count} of {desk} went to {found}")
    print(f"accuracy: {right / routed.total():.6f}")


if __name__ == "__main__":
    main()
