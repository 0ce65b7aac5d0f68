"""A real client with a real server, in a process that can be killed.

Run as a script: `lone_client.py KEY PROJECT TEXT` has one trial run of the draft in the file TEXT, in the backend KEY.
"""

import os
import sys
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters

_SERVER = str(Path(__file__).with_name("one_backend_server.py"))


async def main(key: str, project: str, content: str) -> None:
    """Connect, and wait for the trial's result."""
    words = [_SERVER, key, "--repo", project]
    server = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ), cwd="/")
    async with Client(server) as client:
        await client.call_tool("run_trial", {"description": "leaves a daemon", "content": content})


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_text(encoding="utf-8"))
