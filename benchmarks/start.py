"""Start to first answer: Referee against a bare SDK server, interleaved, so that both meet the same machine.

Prints median and highest seconds of both, their ratio (at most 1.15 is promised), and how many starts of each took
longer than the second that Codex waits for a server that is not `required`; the same again up to the list of tools,
for which ours are loaded. Run with
`python benchmarks/start.py [starts]`; figures mean something on a quiet machine only.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STARTS = 50
GRACE = 1.0
PROMISED = 1.15
PROGRAM = """---
target: run.sh
evaluate: {command: sh run.sh, timeout: 20s}
metrics: {loss: minimize}
budget: {max_consecutive_crashes: null}
---
"""

BARE = """
import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server


async def tools(ctx, params):
    return types.ListToolsResult(tools=[types.Tool(name="nothing", input_schema={"type": "object"})])


async def serve():
    server = Server("bare", version="1", on_list_tools=tools)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


anyio.run(serve)
"""

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "start", "version": "1"}},
}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}


def start(words: list[str]) -> tuple[float, float]:
    """Return the seconds from the start of a server to its first answer, and to its list of tools."""
    started = time.perf_counter()
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdin is not None  # noqa: S101 - both are pipes
        assert server.stdout is not None  # noqa: S101 - both are pipes
        server.stdin.write(json.dumps(HELLO).encode() + b"\n")
        server.stdin.flush()
        first = server.stdout.readline()
        answered = time.perf_counter() - started
        server.stdin.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
        server.stdin.write(json.dumps(LIST).encode() + b"\n")
        server.stdin.flush()
        second = server.stdout.readline()
        listed = time.perf_counter() - started
        server.stdin.close()
    if [json.loads(line).get("id") for line in (first, second)] != [1, 2]:
        raise SystemExit(f"no answer: {first!r} {second!r}")
    return answered, listed


def project(folder: Path) -> Path:
    """Make a project, as the server finds one."""
    (folder / "project").mkdir()
    (folder / "project" / "program.md").write_text(PROGRAM, encoding="utf-8")
    (folder / "project" / "run.sh").write_text("echo loss: 3\n", encoding="utf-8")
    git = ["git", "-C", str(folder / "project"), "-c", "user.name=Start", "-c", "user.email=start@localhost"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "base"]):
        subprocess.run([*git, *words], check=True)
    return folder / "project"


def report(what: str, bare: list[float], ours: list[float]) -> None:
    """Print what the starts of both servers took."""
    for name, times in (("bare SDK", bare), ("referee", ours)):
        late = sum(took > GRACE for took in times)
        print(
            f"{what}, {name}: median {statistics.median(times):.3f} s, least {min(times):.3f} s, "
            f"most {max(times):.3f} s; {late} of {len(times)} above {GRACE:g} s"
        )
    paired = statistics.median(own / other for own, other in zip(ours, bare, strict=True))
    whole = statistics.median(ours) / statistics.median(bare)
    print(f"{what}: ratio of medians {whole:.3f}, median of paired ratios {paired:.3f}")


def main(starts: int) -> None:
    """Measure both in turns, the first two of each for the caches."""
    with tempfile.TemporaryDirectory(prefix="referee-benchmark-") as folder:
        os.environ["REFEREE_STATE_DIR"] = f"{folder}/state"
        place = project(Path(folder))
        server = Path(folder) / "bare.py"
        server.write_text(BARE, encoding="utf-8")
        script = str(Path(sys.executable).with_name("referee-mcp"))
        bare: list[tuple[float, float]] = []
        ours: list[tuple[float, float]] = []
        for _ in range(starts + 2):
            bare.append(start([sys.executable, str(server)]))
            ours.append(start([script, "--repo", str(place)]))
    for number, what in enumerate((f"first answer (promised {PROMISED})", "list of tools")):
        report(what, [one[number] for one in bare[2:]], [one[number] for one in ours[2:]])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else STARTS)
