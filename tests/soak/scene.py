"""A session that goes on while something happens to it: calls that must succeed, calls that may fail in clear words."""

from collections.abc import Iterator
from typing import Any

from . import books
from .findings import UNRESUMABLE, WRONG, Finding
from .player import Move
from .told import Told
from .wire import Answer, DiedError, Server
from .world import World

_UNCLEAR = ("unexpected fault", "Traceback")


class Scene:
    """One session of a world, whose server may be replaced; `found` gathers what is not as promised."""

    def __init__(self, world: World) -> None:
        self.world, self.told = world, Told()
        self.found: list[Finding] = []
        self._spent = -1
        self.server = self._served()

    def _served(self) -> Server:
        server = self.world.serve()
        server.greet()
        return server

    def restart(self, *, judge: bool) -> None:
        """Kill the server, judge what it left if that can be done now, and start the next."""
        self.server.kill()
        if judge:
            self.kill()
        self.server = self._served()

    def kill(self) -> None:
        """Kill the server, wait until nothing of it is left, and judge what it left behind."""
        self.server.kill()
        self.found += books.after_kill(self.world, self.told)

    def call(self, tool: str, **arguments: Any) -> Answer:
        """Make a call, and note what it says."""
        move = Move(tool, arguments)
        self.told.ask([move])
        answer = self.server.call(tool, **arguments)
        self.found += self.told.take(answer, move)
        return answer

    def does(self, tool: str, **arguments: Any) -> Answer:
        """Make a call that must succeed."""
        answer = self.call(tool, **arguments)
        if answer.refused:
            self.found.append(Finding(UNRESUMABLE, answer.text))
        return answer

    def says(self, *words: str, tool: str, **arguments: Any) -> Answer:
        """Make a call that must do nothing, and say why in one of these words."""
        answer = self.call(tool, **arguments)
        clear = answer.text.startswith(f"ERROR {tool}: ") and not any(word in answer.text for word in _UNCLEAR)
        if not answer.refused or not clear or not any(word in answer.text for word in words):
            self.found.append(Finding(WRONG, f"{tool}: expected one of {words}, found {answer.text[:300]!r}"))
        return answer

    def tries(self, tool: str, **arguments: Any) -> Answer:
        """Make a call that may succeed, or fail in clear words."""
        answer = self.call(tool, **arguments)
        if answer.refused and any(word in answer.text for word in _UNCLEAR):
            self.found.append(Finding(WRONG, f"{tool}: {answer.text[:300]!r}"))
        return answer

    def close(self) -> list[Finding]:
        """End the session in peace, judge its books, and return all that was found."""
        self.leave()
        return self.judged()

    def leave(self) -> None:
        """Make the last calls, and let the server end."""
        try:
            self.call("revert")
            self._spent = self.does("check_budget").facts.get("budget", {}).get("experiments_spent", -1)
            self.server.end()
        except (DiedError, TimeoutError) as fault:
            self.found.append(Finding(UNRESUMABLE, f"{type(fault).__name__} {fault}; {self.world.noise()}"))
        finally:
            self.server.kill()

    def judged(self) -> list[Finding]:
        """Judge the books of a session that was left, and return all that was found."""
        self.found += books.after_kill(self.world, self.told)
        return [*self.found, *books.at_end(self.world, self.told, self._spent, {})]


def losses() -> Iterator[str]:
    """Yield targets, each a little better than the one before."""
    yield from (f"echo loss: {9 - number / 100:.2f}\n" for number in range(1, 900))
