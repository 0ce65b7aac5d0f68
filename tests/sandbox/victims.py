"""Trials that are seen to live before something of Referee is killed with 9, and what is left after it."""

import os
import signal
from dataclasses import dataclass

import pytest
from referee.sandbox.spec import Limits

from . import hostile, witness
from .conftest import Lab, unavailable
from .holder import Holder, holding
from .witness import Traces, gone, until

ROUNDS = 20
LONG = Limits(wall_seconds=300)


@dataclass(frozen=True, slots=True)
class Trial:
    """A running trial whose daemon is known to live.

    Attributes:
        token: Names its processes and files.
        line: The daemon's ancestors up to the supervisor, which is the last of them.
    """

    token: str
    line: list[int]

    @property
    def supervisor(self) -> int:
        """The server's child."""
        return self.line[-1]

    @property
    def keeper(self) -> int:
        """The trial's own process, the supervisor's child."""
        return self.line[-2]

    @property
    def bubblewrap(self) -> list[int]:
        """Bubblewrap, the one outside of the namespaces first."""
        return [pid for pid in reversed(self.line[:-2]) if witness.program(pid) == "bwrap"]

    def survivors(self) -> list[str]:
        """Name the processes of the trial's own that live."""
        return survivors(self.token)


def survivors(token: str) -> list[str]:
    """Name the living processes that carry a trial's token."""
    return [f"process {pid} of {token}" for pid in witness.carrying(token)]


def living_line(token: str, top: int) -> list[int]:
    """Wait for a deaf daemon in a session of its own, and a family; return the daemon's ancestors below `top`."""
    deaf = until(lambda: [pid for pid in witness.carrying(token, hostile.DAEMON) if witness.deaf(pid)])
    until(lambda: witness.carrying(token, hostile.FAMILY))
    line = witness.line_up_to(deaf[0], top)
    assert len(line) >= 2
    assert os.getsid(deaf[0]) not in map(os.getsid, line)
    return line


def start(holder: Holder, number: int, *, files: bool = False) -> Trial:
    """Start a trial and see its daemon live: without that, its death would prove nothing."""
    lab, token = holder.lab, f"{holder.lab.token}-{number}"
    holder.order(lab.spec(hostile.daemons(token, files=files) + hostile.FOREVER, limits=LONG))
    return Trial(token, living_line(token, holder.pid))


def related(lab: Lab) -> list[str]:
    """Name the processes that have anything to do with a lab; its servers have a home of their own."""
    return witness.related(str(lab.base), os.environ["HOME"])


def skip_twin(lab: Lab) -> None:
    """Skip a backend that differs from another that works here by one option alone, for the time that it takes."""
    if lab.key == "bubblewrap-in-container" and not unavailable("bubblewrap"):
        pytest.skip("the same as bubblewrap but for one option")


def kill(*pids: int) -> None:
    """Kill each, in this order."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def settled(lab: Lab, seen: list[Traces]) -> None:
    """Run one more trial, end its server, and see that nothing at all is left of any trial before."""
    with holding(lab) as holder:
        assert holder.run(lab.spec("print(1)")) == "ok"
        holder.end()
    gone(lambda: related(lab), lab.leftovers, lambda: [group for one in seen for group in one.left_groups()])
