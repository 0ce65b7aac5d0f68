"""What is asked of a client that Referee starts, and what it is given.

Guarantee: nothing is written into the project. Configuration lies in the session's state, and the environment and
login of the person's client are left as they are.
Edge: a lock is the client's own promise. What a client offers beyond its documented switches is not seen from here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class Lock(StrEnum):
    """What an agent may do besides calling our tools."""

    STRICT = "strict"
    WEB = "web"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Server:
    """How the session's server is started.

    Attributes:
        command: Absolute command line of `referee serve`.
        env: Values that it needs to find the same state; none of them is secret.
        inherited: Names of variables that it needs from the client's own environment.
    """

    command: tuple[str, ...]
    env: Mapping[str, str]
    inherited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything that a client's command line is made of.

    Attributes:
        repo: The project folder, where the client is started.
        folder: Where its configuration lies, in the session's state.
        model: As the client names it; None leaves the choice to the client.
        usd: Dollars that a headless run may spend; None where dollars are not limited.
        more: Further arguments of the person for the client.
    """

    repo: Path
    tag: str
    folder: Path
    server: Server
    lock: Lock = Lock.STRICT
    model: str | None = None
    usd: float | None = None
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What a transcript says of its run.

    Attributes:
        usd: Dollars by the client's own accounting, None where it says nothing.
        failed: Whether the client itself says that it failed.
        complaints: What it wrote about faults, the only place where a rate limit is looked for. A client with events of
            its own is not read on standard error, where a tool's output may stand, unless it died before the first one.
        last: The end of what it said, for a person.
    """

    usd: float | None = None
    failed: bool = False
    complaints: tuple[str, ...] = field(default=())
    last: str = ""


class Client(Protocol):
    """One kind of client."""

    @property
    def name(self) -> str:
        """The word of `--client`."""
        ...

    @property
    def accounts(self) -> bool:
        """Whether it says how many dollars a run cost."""
        ...

    @property
    def suffix(self) -> str:
        """What the name of a transcript ends in."""
        ...

    @property
    def greeting(self) -> str:
        """What a person at a terminal has to do first; empty if nothing."""
        ...

    def program(self) -> str:
        """The absolute path of its program.

        Raises:
            ClientError: If it is not installed, with the way to install it.
        """
        ...

    def files(self, launch: Launch) -> Mapping[str, bytes]:
        """Its configuration: names within the launch's folder, and what they hold."""
        ...

    def environment(self, launch: Launch) -> Mapping[str, str]:
        """What is added to the person's environment."""
        ...

    def interactive(self, launch: Launch, prompt: str) -> list[str]:
        """The command line for a person at a terminal."""
        ...

    def headless(self, launch: Launch, prompt: str) -> list[str]:
        """The command line for nobody."""
        ...

    def given(self, prompt: str) -> bytes:
        """What a headless run gets on standard input."""
        ...

    def told(self, output: Iterable[str], errors: str) -> Told:
        """What the lines of a transcript say, with the end of what went to standard error."""
        ...
