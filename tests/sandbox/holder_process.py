"""A server process as small as can be: it holds a Launcher and runs a trial for each line of its input.

Run as a script, with a backend's key. A line names a file with a trial's specification; each is answered by one line
of JSON with the outcome (`fault` where there is no result) and the reason.
"""

import json
import sys
from pathlib import Path

import anyio
from anyio import to_thread
from referee.sandbox import wire
from referee.sandbox.errors import SandboxError
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import TrialSpec


def requested(path: str) -> TrialSpec:
    """Read a trial's specification."""
    return wire.spec_of(json.loads(Path(path).read_text(encoding="ascii")))


async def answer(launcher: Launcher, spec: TrialSpec, key: str) -> dict[str, str]:
    """Run a trial, and have the world for another like it built."""
    try:
        measured = await launcher.run(spec, key, following=spec)
    except SandboxError as error:
        return {"outcome": "fault", "reason": str(error)}
    return {"outcome": measured.outcome, "reason": measured.reason}


async def main(key: str) -> None:
    """Answer line by line until the input ends."""
    async with Launcher() as launcher:
        while line := await to_thread.run_sync(sys.stdin.readline):
            print(json.dumps(await answer(launcher, requested(line.strip()), key)), flush=True)  # noqa: T201 - its whole output


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
