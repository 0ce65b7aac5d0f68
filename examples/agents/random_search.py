"""An agent without a model: it changes the numbers at the top of the best target, at random, until the session is over.

It speaks MCP to the server that `referee overnight` names, knows nothing of the problem, and stops early on purpose:
`referee overnight` starts it again. The line that any real agent has to beat.

    referee overnight -- python3 random_search.py --quit-after 25
"""

import argparse
import json
import os
import random
import re
import shlex
from collections.abc import Mapping
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

CONSTANT = re.compile(r"^(?P<name>[A-Z][A-Z0-9_]*) = (?P<value>[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)$", re.MULTILINE)
FACTORS = (0.25, 0.5, 0.7, 0.85, 1.2, 1.5, 2.0, 3.0)


class RefusedError(Exception):
    """A call that did nothing, with what the server said."""


async def call(client: Client, tool: str, **arguments: Any) -> Mapping[str, Any]:
    """The facts of one answer."""
    result = await client.call_tool(tool, arguments)
    if result.is_error or result.structured_content is None:
        raise RefusedError(" ".join(getattr(part, "text", "") for part in result.content))
    return result.structured_content


def changed(value: str, rng: random.Random) -> str:
    """Another number of the same kind."""
    factor = rng.choice(FACTORS)
    if value.isdigit():
        return str(max(1, round(int(value) * factor)))
    return f"{float(value) * factor:.4g}"


def idea(text: str, fixed: frozenset[str], rng: random.Random) -> tuple[str, list[dict[str, str]]]:
    """One or two constants to change: what is tried, in words, and the edits."""
    found = [match for match in CONSTANT.finditer(text) if match["name"] not in fixed]
    edits: list[dict[str, str]] = []
    said: list[str] = []
    for match in rng.sample(found, min(len(found), rng.choice((1, 1, 2)))):
        value = changed(match["value"], rng)
        if value != match["value"]:
            edits.append({"old_text": match[0], "new_text": f"{match['name']} = {value}"})
            said.append(f"{match['name']} {match['value']} -> {value}")
    return ", ".join(said), edits


async def search(server: StdioServerParameters, fixed: frozenset[str], rng: random.Random, most: int) -> None:
    """Try one idea after another, until the session is over or so many trials were run."""
    async with Client(server) as client:
        await call(client, "read_program")
        await call(client, "run_eval", description="the baseline, or what is still pending", wait_seconds=600)
        for _ in range(most):
            target = await call(client, "read_target", revision="best")
            said, edits = idea(target["text"], fixed, rng)
            if not edits:
                continue
            tried = await call(client, "run_trial", description=said, edits=edits, wait_seconds=600)
            print(json.dumps({"trial": tried.get("trial"), "verdict": tried.get("verdict"), "idea": said}), flush=True)
            if not tried["continue"]:
                return


def main() -> None:
    """Search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quit-after", type=int, default=1_000_000, metavar="N", help="trials of one run")
    parser.add_argument("--fixed", default="SEED", help="constants that are left alone, separated by commas")
    parser.add_argument("--seed", type=int, help="of the random choices (default: another one each run)")
    given = parser.parse_args()
    command, *words = shlex.split(os.environ["REFEREE_SERVER"])
    server = StdioServerParameters(command=command, args=words, env=dict(os.environ))
    try:
        anyio.run(search, server, frozenset(given.fixed.split(",")), random.Random(given.seed), given.quit_after)
    except* RefusedError as refused:
        raise SystemExit(str(refused.exceptions[0])) from None


if __name__ == "__main__":
    main()
