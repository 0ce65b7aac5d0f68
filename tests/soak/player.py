"""An agent that knows no plan: every tool, in any order, with right and with wrong arguments, by a seed."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def seeded(seed: object) -> random.Random:
    """Return a series of choices that is the same for the same seed."""
    return random.Random(str(seed))  # noqa: S311 - nothing here is a secret


@dataclass(frozen=True, slots=True)
class Move:
    """One call that the agent makes."""

    tool: str
    arguments: Mapping[str, Any]

    @property
    def content(self) -> str | None:
        """The whole target that it brings, if it does."""
        found = self.arguments.get("content")
        return found if isinstance(found, str) else None

    @property
    def changes(self) -> bool:
        """Whether it may change the draft."""
        return self.tool in {"edit_target", "run_eval", "run_trial", "revert"}


class Player:
    """An agent; `token` becomes part of the command line of whatever its targets leave running."""

    def __init__(self, rng: random.Random, token: str) -> None:
        self._rng, self._token = rng, token
        self._texts = ["echo loss: 9.5\n# a comment\n"]
        self._told = 0

    def move(self) -> Move:
        """Return the next call."""
        weights = [weight for weight, _ in _MOVES]
        make: Callable[[Player], Move] = self._rng.choices([make for _, make in _MOVES], weights)[0]
        return make(self)

    def trial(self) -> Move:
        """Return a call that measures something new."""
        content = self.target()
        wait: dict[str, Any] = {"wait_seconds": self._rng.choice([0, 1])} if self._rng.random() < 0.3 else {}
        return Move("run_trial", {"description": self._words(), "content": content, **wait, **self._extra()})

    def long_trial(self) -> Move:
        """Return a call whose trial only ends at its time limit."""
        text = f"echo begun; sleep 60.{self._token}; echo loss: 0.1\n"
        return Move("run_trial", {"description": self._words(), "content": text, "wait_seconds": 0})

    def target(self) -> str:
        """Return a target, mostly a new one: better, worse, crashing, slow, loud, or leaving a daemon behind."""
        rng = self._rng
        if rng.random() < 0.1:
            return rng.choice(self._texts)
        loss = round(rng.uniform(1, 9), 4)
        text = rng.choice(_TARGETS).format(loss=loss, token=self._token, part=rng.randint(0, 5))
        self._texts.append(text)
        return text

    def _words(self) -> str:
        self._told += 1
        return f"idea {self._told}"

    def _extra(self) -> dict[str, Any]:
        extra: dict[str, Any] = {}
        if self._rng.random() < 0.2:
            extra["lesson"] = f"lesson {self._told}"
        if self._rng.random() < 0.2:
            extra["cost_usd"] = 0.01
        return extra

    def edit(self) -> Move:
        """Return an edit of the whole draft."""
        return Move("edit_target", {"content": self.target()})

    def wrong_edit(self) -> Move:
        """Return an edit that cannot be made."""
        wrong: list[dict[str, Any]] = [
            {"edits": [{"old_text": "not there", "new_text": "x"}]},
            {"content": "x\n", "expected_sha256": "0" * 64},
            {"content": "x\n", "from_checkout": True},
            {"content": 7},
            {},
        ]
        return Move("edit_target", self._rng.choice(wrong))

    def measure(self) -> Move:
        """Return a run of the draft."""
        wait: dict[str, Any] = {"wait_seconds": 0} if self._rng.random() < 0.3 else {}
        return Move("run_eval", {"description": self._words(), **wait})

    def wrong_run(self) -> Move:
        """Return a run with wrong words."""
        wrong: list[dict[str, Any]] = [
            {"description": ""},
            {"description": "x" * 5000},
            {},
            {"description": "x", "wait": 3},
        ]
        return Move("run_eval", self._rng.choice(wrong))

    def back(self) -> Move:
        """Return a revert, sometimes to what is not there."""
        to = self._rng.choice(["best", "best", "best", "0", "1", "2", "99999", "nonsense"])
        return Move("revert", {} if to == "best" else {"to": to})

    def describe(self) -> Move:
        """Return words for the last row."""
        words: list[dict[str, Any]] = [
            {},
            {"description": self._words()},
            {"lesson": "again"},
            {"cost_usd": 0.02},
            {"cost_usd": -1},
        ]
        return Move("append_result", self._rng.choice(words))

    def read(self) -> Move:
        """Return a call that only reads, sometimes what is not there."""
        reads: list[tuple[str, dict[str, Any]]] = [
            ("read_program", {}),
            ("read_target", {"revision": self._rng.choice(["draft", "best", "baseline", "1", "none"])}),
            ("read_file", {}),
            ("read_file", {"path": "../../etc/passwd"}),
            ("read_results", {"last": 5}),
            ("read_log", {}),
            ("check_budget", {}),
        ]
        return Move(*self._rng.choice(reads))

    def keep(self) -> Move:
        """Return a keep, allowed or not."""
        return Move("keep", {})

    def no_tool(self) -> Move:
        """Return a call of what does not exist."""
        return Move("write_metric", {"loss": 0})


_TARGETS = [
    "echo loss: {loss}\n",
    "echo loss: {loss}\n",
    "# longer\n# by two lines\necho loss: {loss}\n",
    "sleep 0.{part}{token}; echo loss: {loss}\n",
    "sleep 0.{part}{token}; echo loss: {loss}\n",
    "echo bye; exit 3 # {loss}\n",
    "echo nothing # {loss}\n",
    "seq 3000; echo loss: {loss}\n",
    "(setsid sleep 700.{token} >/dev/null 2>&1 &); echo loss: {loss}\n",
    "echo x > left; echo y >> program.md; echo loss: {loss}\n",
]
_MOVES: list[tuple[int, Callable[[Player], Move]]] = [
    (30, Player.trial),
    (12, Player.edit),
    (14, Player.measure),
    (12, Player.keep),
    (10, Player.back),
    (8, Player.describe),
    (10, Player.read),
    (4, Player.wrong_edit),
    (3, Player.wrong_run),
    (1, Player.no_tool),
]
