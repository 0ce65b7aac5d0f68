"""What can be read of a project and its session, whoever holds it; nothing here writes.

Guarantee: frozen files and drafts are shown from git objects, never from the checkout; `program.md`'s policy is the
one thing read from the checkout, because the person may steer with it. Every text is bounded.
"""

import difflib
import fnmatch
from pathlib import Path
from typing import Any

from . import budget, logs, standing
from .contract import Budget, Contract
from .edits import sha256
from .errors import RefusedError
from .feedback import log_lines, shown, told
from .journal import GENESIS
from .private import covers
from .project import Project
from .recollection import Gathered, Recollection
from .reply import Reply
from .repository import Base
from .results import number
from .state import State, Trial, Trials
from .trial import number_of
from .wording import quoted

MAX_CHARS = 30_000
MAX_LINES = 2_000
_WORD_CHARS = 200


class View:
    """One project with the state of its session, if there is one.

    Args:
        project: The project.
        state: The session's state, or None before the first session.
        home: The session's state folder, or None.
        note: A sentence that every reply should carry, such as who holds the session.
        head: Head of the journal's chain.
    """

    def __init__(
        self, project: Project, state: State | None, home: Path | None, note: str = "", head: str = GENESIS
    ) -> None:
        self.project, self.home, self.note = project, home, note
        self._state, self._head = state, head
        self._recollection = Recollection(state.trials, state.opened.contract) if state else None

    @property
    def head(self) -> str:
        """Head of the journal's chain: whoever keeps it can prove what came before."""
        return self._head

    @property
    def maybe_state(self) -> State | None:
        """The session's state, or None before the first session."""
        return self._state

    @property
    def contract(self) -> Contract:
        """The contract of the session; before there is one, of `program.md`."""
        return self._state.opened.contract if self._state else self.project.program().contract

    @property
    def budget(self) -> Budget:
        """The limits in force."""
        return self._state.budget if self._state else self.project.program().budget

    @property
    def base(self) -> Base:
        """The frozen commit."""
        return self.project.base(self._state.opened.base if self._state else self.project.repository.head())

    @property
    def target(self) -> str:
        """Path of the target, relative to the project."""
        return self.contract.target.path

    def target_path(self) -> str:
        """Path of the target, relative to the repository."""
        return self.project.checkout.prefix + self.target

    def gathered(self) -> Gathered:
        """What the trials so far come to; nothing before there are any."""
        return self._recollection.gathered() if self._recollection else Gathered(self.contract)

    # --- what an agent reads -------------------------------------------------------------------------------------

    def read_file(self, path: str | None, start_line: int, max_lines: int) -> Reply:
        """A frozen file, or the list of them.

        Raises:
            RefusedError: If there is no such file, or it is not for the agent.
        """
        names = self._readable()
        if path is None:
            listing = "\n".join(names)
            return Reply(_cut(listing), facts={"files": len(names)}, next="read_file(path=...) shows one of them.")
        if path not in names:
            raise RefusedError(f"no readable file {quoted(path)} in the base commit.{_nearest(path, names)}")
        if path == self.target:
            raise RefusedError(f"{path} is the target, not a frozen file. Call read_target.")
        data = self.project.git.read(self.base.by_path[self.project.checkout.prefix + path].oid)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise RefusedError(f"{path} is not text ({len(data)} bytes).") from None
        return _page(path, text, start_line, max_lines)

    def _readable(self) -> list[str]:
        prefix = self.project.checkout.prefix
        names = [
            e.path.removeprefix(prefix) for e in self.base.entries if e.type == "blob" and e.path.startswith(prefix)
        ]
        holdout = self.contract.holdout
        hidden = (*self.contract.sandbox.private, *(holdout.private if holdout else ()))
        names = [name for name in names if not any(covers(path, name, "") for path in hidden)]
        return [name for name in names if any(_matches(name, pattern) for pattern in self.contract.readable)]

    def target_blob(self, revision: str) -> str:
        """The blob of the target at a revision: `draft`, `best`, `baseline`, or a trial's number.

        Raises:
            RefusedError: If there is no such revision.
        """
        original = self.project.repository.target_entry(self.base, self.target).oid
        state = self._state
        if revision == "baseline" or (state is None and revision in {"draft", "best"}):
            return original
        if state is not None and revision == "draft":
            return state.draft
        if state is not None and revision == "best":
            return state.best_trial.blob if state.best_trial else original
        return self.trial(revision, "draft, best, baseline or ").blob

    def trial(self, number: str | int, also: str = "") -> Trial:
        """A trial by its number; `also` are the other words that the caller takes.

        Raises:
            RefusedError: If there is no such trial.
        """
        trials, text = self._state.trials if self._state else Trials(), str(number)
        known = number_of(text)
        found = None if known is None else trials.get(known)
        if found is None:
            have = f"0 to {next(reversed(trials))}" if trials else "none yet"
            raise RefusedError(f"no trial {quoted(text)}. Expected {also}a trial's number ({have}).")
        return found

    def text(self, blob: str) -> str:
        """A version of the target."""
        return self.project.repository.text(blob, self.target)

    def read_target(self, revision: str, start_line: int, max_lines: int) -> Reply:
        """The target at a revision, with its SHA-256."""
        text = self.text(self.target_blob(revision))
        reply = _page(f"{self.target} ({revision})", text, start_line, max_lines)
        reply.facts = {**reply.facts, "sha256": sha256(text)}
        reply.next = "edit_target changes the draft."
        return reply

    def read_log(self, trial: int | None, tail_lines: int, pattern: str | None) -> Reply:
        """The end of a trial's output; `pattern` keeps the lines that contain it, as plain text."""
        state = self._state
        if state is None or self.home is None or not state.started:
            raise RefusedError("no trial has run yet. Call run_eval.")
        number = next(reversed(state.trials), 0) if trial is None else trial
        if number != 0:
            self.trial(number)
        lines = log_lines(self.contract, self.home, number)
        if pattern is not None:
            lines = [line for line in lines if pattern.lower() in line.lower()]
        end = lines[-min(tail_lines, self.contract.feedback.lines) :] if tail_lines else []
        text = f"Trial {number}: {len(end)} of {len(lines)} lines."
        if not lines and logs.gone(state, number):
            text = f"Trial {number}: its log was removed to make room for later ones."
        return Reply(text, untrusted="\n".join(end)[-MAX_CHARS:], facts={"trial": number})

    def check_budget(self) -> Reply:
        """What is spent and left of every limit."""
        facts = self.standing()
        lines = standing.lines(facts["budget"])
        go_on = "No trial begins until the person resumes." if facts.get("paused") else "You may go on."
        verdict = go_on if facts["continue"] else f"The session is over: {facts['budget']['reason']}."
        return Reply("\n".join([verdict, *lines]), facts={"reason": facts["budget"]["reason"]})

    def read_program(self) -> Reply:
        """The policy, and the contract in words."""
        from .words import describe  # noqa: PLC0415 - words needs View for its types alone

        return Reply(describe(self), next="run_trial tries one idea; read_target shows the target.")

    # --- what every reply carries --------------------------------------------------------------------------------

    def standing(self) -> dict[str, Any]:
        """Best, baseline, budget, whether to go on, and the head of the journal's chain."""
        state = self._state
        told_budget, goes_on = standing.facts(self.budget, state, budget.now())
        known = {"best": state.best_trial, "baseline": state.baseline} if state else {}
        return {name: summary(trial, self.contract) for name, trial in known.items() if trial} | {
            "budget": told_budget,
            "continue": goes_on,
            **({"paused": True} if state and state.paused else {}),
        }


def summary(trial: Trial, contract: Contract) -> dict[str, Any]:
    """A trial in few words: number, commit, the contract's metrics."""
    return {
        "trial": trial.number,
        "commit": trial.commit[:7],
        "metrics": _counted(trial, contract),
        "description": trial.description,
    }


def trial_facts(trial: Trial, contract: Contract) -> dict[str, Any]:
    """What a reply says of a measured trial, as facts."""
    facts = {
        "trial": trial.number,
        "status": "decided" if trial.decision else "measured",
        "verdict": trial.verdict,
        "metrics": _counted(trial, contract),
        "reason": told(contract, trial.reason),
    }
    return facts | ({"decision": str(trial.decision)} if trial.decision else {})


def _counted(trial: Trial, contract: Contract) -> dict[str, float]:
    """Evaluated code may print any other numbers, under names of its own choice."""
    return {name: shown(contract, trial.metrics[name]) for name in contract.metrics if name in trial.metrics}


def show_metrics(metrics: Any, contract: Contract) -> str:
    """The contract's metrics as `name value`, separated by commas."""
    return ", ".join(f"{name} {number(shown(contract, metrics[name]))}" for name in contract.metrics if name in metrics)


def _page(title: str, text: str, start_line: int, max_lines: int) -> Reply:
    lines = text.splitlines(keepends=True)
    if start_line > max(1, len(lines)):
        raise RefusedError(f"start_line is past the end: {title} has {len(lines)} lines.")
    part = lines[start_line - 1 : start_line - 1 + max_lines]
    shown, size = 0, 0
    while shown < len(part) and size + len(part[shown]) <= MAX_CHARS:
        size += len(part[shown])
        shown += 1
    last = start_line - 1 + shown
    if part and not shown:
        raise RefusedError(f"line {start_line} of {title} is longer than {MAX_CHARS} characters and cannot be shown.")
    more = f" Go on with start_line={last + 1}." if last < len(lines) else ""
    head = f"{title}: lines {min(start_line, last)} to {last} of {len(lines)}.{more}\n"
    return Reply(head + "".join(part[:shown]), facts={"lines": len(lines)})


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + f"\n… {len(text) - MAX_CHARS} more characters"


def _matches(name: str, pattern: str) -> bool:
    return pattern == "**" or fnmatch.fnmatchcase(
        name, pattern.removesuffix("/") + "/*" if pattern.endswith("/") else pattern
    )


def _nearest(word: str, names: list[str]) -> str:
    near = difflib.get_close_matches(word[:_WORD_CHARS], names, n=1)
    return f" Did you mean {near[0]!r}?" if near else " read_file without a path lists them."
