"""Any command line, for clients that Referee does not know: it is told in its environment how to reach the server.

It gets the prompt in place of a word `{prompt}`, else on standard input. Nothing locks it: what it may do besides is
its own matter.
"""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from . import entry, find
from .base import Launch, Told
from .reading import end

_FILE = "mcp.json"
_PLACE = "{prompt}"
_LINES = 40


@dataclass(frozen=True, slots=True)
class Command:
    """A command line of the person's own."""

    words: tuple[str, ...]
    name: str = "command"
    accounts: bool = False
    suffix: str = ".log"
    greeting: str = ""

    def program(self) -> str:
        """The absolute path of its first word."""
        return find.program(self.words[0], f"the package that has {self.words[0]}")

    def files(self, launch: Launch) -> Mapping[str, bytes]:
        """The server's entry in the form that most clients read."""
        return {_FILE: entry.generic(launch.server)}

    def environment(self, launch: Launch) -> Mapping[str, str]:
        """How the server is started, as a command line and as a file; `REFEREE_STATE_DIR` goes with both."""
        return {
            **launch.server.env,
            "REFEREE_SERVER": shlex.join(launch.server.command),
            "REFEREE_MCP_CONFIG": str(launch.folder / _FILE),
            "REFEREE_TAG": launch.tag,
            "REFEREE_MODEL": launch.model or "",
        }

    def interactive(self, launch: Launch, prompt: str) -> list[str]:
        """The same as `headless`."""
        return self.headless(launch, prompt)

    def headless(self, launch: Launch, prompt: str) -> list[str]:
        """The person's words, with the prompt in its place."""
        words = [word.replace(_PLACE, prompt) for word in self.words[1:]]
        return [self.program(), *words, *launch.more]

    def given(self, prompt: str) -> bytes:
        """The prompt, unless it is one of the words."""
        return b"" if any(_PLACE in word for word in self.words) else prompt.encode()

    def told(self, output: Iterable[str], errors: str) -> Told:
        """The last lines, which may be of any form; what the agent says on standard output is no complaint."""
        said = "\n".join(list(output)[-_LINES:])
        return Told(complaints=(errors,) if errors else (), last=end(said, errors))
