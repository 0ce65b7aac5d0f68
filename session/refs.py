"""The refs of a session: what they should be by its journal, and putting them right.

Guarantee: after `settle` every ref of the session is what the journal says, and what was found different is returned.
`refs/referee/<tag>/best` is the truth; the branch follows it, and waits while some worktree has it checked out.
Edge: git lists the refs of all trials or none, so in a long session those of trials are looked at only now and then.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile

from .errors import JournalError, RepositoryError
from .git import Git
from .places import Checkout, checked_out_branches
from .state import State, Trial
from .trial import number_of

_FRESH = 0.5  # seconds
_FEW, _NOW_AND_THEN = 200, 100  # trials whose refs are looked at after each of them; beyond that, after how many


def branch(tag: str) -> str:
    """Full name of the branch that holds the kept commits."""
    return f"refs/heads/referee/{tag}"


def prefix(tag: str) -> str:
    """Where the other refs of a session lie."""
    return f"refs/referee/{tag}"


def wanted(state: State) -> dict[str, str]:
    """Every ref that follows from the state, by full name."""
    return _moving(state) | dict(_trial(state, trial) for trial in state.trials.values() if trial.commit)


def _moving(state: State) -> dict[str, str]:
    opened, at = state.opened, prefix(state.opened.tag)
    running = None if state.running is None else state.trials[state.running]
    refs = {f"{at}/base": opened.base, f"{at}/draft": running.tree if running else state.draft}
    refs[f"{at}/best"] = refs[branch(opened.tag)] = state.best_trial.commit if state.best_trial else opened.base
    return refs


def _trial(state: State, trial: Trial) -> tuple[str, str]:
    return f"{prefix(state.opened.tag)}/trials/{trial.number}", trial.commit


def _last_committed(state: State) -> int:
    return next((trial.number for trial in state.trials.latest() if trial.commit), -1)


def refuse_blocked(git: Git, checkout: Checkout, tag: str) -> None:
    """Make sure that a new session can have its refs.

    Raises:
        RepositoryError: If a branch is in the way, or refs of a lost session are.
    """
    if git.resolve("refs/heads/referee"):
        raise RepositoryError(
            "a branch called 'referee' leaves no room for 'referee/<tag>'. "
            "Rename it: `git branch -m referee other-name`."
        )
    if git.refs(branch(tag), prefix(tag)):
        raise RepositoryError(
            f"refs of a session {tag!r} exist, but its state does not. Use another --tag, or remove them: "
            f"`git for-each-ref --format='delete %(refname)' {prefix(tag)} {branch(tag)} | git update-ref --stdin`."
        )
    refuse_checked_out(checkout, tag)


def refuse_checked_out(checkout: Checkout, tag: str) -> None:
    """Make sure that nobody has the session's branch checked out.

    Raises:
        RepositoryError: If some worktree has it.
    """
    if folder := checked_out_branches(checkout).get(branch(tag)):
        raise RepositoryError(
            f"branch referee/{tag} is checked out ({folder}). Check out another branch there, then try again."
        )


@dataclass(frozen=True, slots=True)
class _Look:
    """The refs of a session as git has them, but for those of trials that are what they should be.

    Attributes:
        others: By full name.
        unlike: Trials whose ref is missing or another.
        last: The last trial of then.
        at: When, by `time.monotonic()`.
    """

    others: Mapping[str, str]
    unlike: frozenset[int]
    last: int
    at: float

    @property
    def fresh(self) -> bool:
        """Whether hardly anybody can have moved a ref since."""
        return time.monotonic() < self.at + _FRESH

    def wrong(self, state: State) -> dict[str, str]:
        """The refs of trials that are to be made or moved."""
        later = takewhile(lambda number: number > self.last, reversed(state.trials))
        trials = (state.trials[number] for number in (*sorted(self.unlike), *later) if number in state.trials)
        return dict(_trial(state, trial) for trial in trials if trial.commit)


def _own(state: State, oids: set[str]) -> set[str]:
    """Which of these are objects that the session itself may have pointed a ref at."""
    found = {state.opened.base} & oids
    for trial in state.trials.values() if oids else ():
        found |= {trial.commit, trial.tree} & oids
    return found


class Refs:
    """The refs of one open session; remembers what it last set, so that a change by hand is noticed.

    What the ref of a trial should be never changes, so it is not remembered: the state says it.
    """

    def __init__(self, git: Git, checkout: Checkout, tag: str) -> None:
        self._git, self._checkout, self._tag = git, checkout, tag
        self._known: dict[str, str] = {}  # those that move, and until all were set, trials' that lagged behind
        self._made = -1  # the last trial whose ref is made, and so are those before
        self._looked = 0
        self._seen: _Look | None = None  # what `expect` has read, until something is moved

    def listed(self) -> Iterator[tuple[str, str]]:
        """The refs of the session as git has them when this returns, by name and object id."""
        return self._git.each_ref(branch(self._tag), prefix(self._tag))

    def expect(self, state: State, listed: Callable[[], Iterable[tuple[str, str]]] | None = None) -> None:
        """Take the refs for what the state says, except where a killed server may not have moved them yet."""
        self._seen = look = self._look(state, listed or self.listed)
        moving, actual = _moving(state), look.others
        target = moving | look.wrong(state)
        self._refuse_unknown_trials(target, actual)
        number = next(reversed(state.trials), 0)
        last = f"{prefix(self._tag)}/trials/{number}"
        unmade = {name for name in target if name not in actual and (name == last or not state.trials)}
        own = _own(state, {oid for name, oid in actual.items() if target.get(name) != oid})
        lagging = {name: oid for name, oid in actual.items() if oid in own or name == f"{prefix(self._tag)}/draft"}
        known = {name: lagging.get(name, oid) for name, oid in target.items() if name not in unmade}
        self._known = {name: oid for name, oid in known.items() if name in moving or oid != target[name]}
        made = number in state.trials and state.trials[number].commit and last not in unmade
        self._made = number if made else number - 1

    def _refuse_unknown_trials(self, known: Mapping[str, str], actual: Mapping[str, str]) -> None:
        """A trial's ref is made after its record is on the disk, so one without a record shows what was cut off."""
        for name, oid in actual.items():
            number = name.removeprefix(f"{prefix(self._tag)}/trials/")
            if name not in known and number.isdecimal() and self._is_trial(oid, number):
                raise JournalError(
                    f"{name} is a trial of this session that its journal does not know: records were cut off. "
                    "Run `referee audit --verify`; to go on working, use another --tag."
                )

    def _is_trial(self, oid: str, number: str) -> bool:
        try:
            lines = self._git.read(oid, "commit").split(b"\n")
        except RepositoryError:
            return False
        return {f"Referee-Session: {self._tag}".encode(), f"Referee-Trial: {number}".encode()} <= set(lines)

    def settle(self, state: State, *, look: bool) -> list[str]:
        """Make the refs what the state says. With `look`, read them first and say what was moved by hand."""
        count = len(state.trials)
        if look and (count <= _FEW or count >= self._looked + _NOW_AND_THEN or not self._known):
            return self._settle_all(state)
        try:
            return self._settle_moving(state, look=look)
        except RepositoryError:  # something leaves no room for a ref of ours
            return self._settle_all(state)

    def _settle_all(self, state: State) -> list[str]:
        self._looked = len(state.trials)
        seen, self._seen = self._seen, None
        look = seen if seen and seen.fresh else self._look(state, self.listed)
        moving, actual = _moving(state), look.others
        target = moving | look.wrong(state)
        new = self._unmade(state).keys() | (moving.keys() - self._known.keys())
        known = {name: self._known.get(name, oid) for name, oid in target.items() if name not in new}
        moved = self._moved(known, actual) + self._remove_strangers(actual, target)
        waiting = self._set({name: oid for name, oid in target.items() if actual.get(name) != oid})
        self._known = {name: actual.get(name, "") if name in waiting else oid for name, oid in moving.items()}
        self._made = _last_committed(state)
        return moved

    def _settle_moving(self, state: State, *, look: bool) -> list[str]:
        moving = _moving(state)
        names = [name for name in moving if name in self._known]
        actual = self._git.refs(*moving) if look else self._known
        moved = self._moved({name: self._known[name] for name in names}, actual)
        target = moving | self._unmade(state)
        waiting = self._set({name: oid for name, oid in target.items() if actual.get(name) != oid})
        self._known |= {name: actual.get(name, "") if name in waiting else oid for name, oid in moving.items()}
        self._made = _last_committed(state)
        return moved

    def _unmade(self, state: State) -> dict[str, str]:
        """Refs of trials that have none yet: they are the last ones."""
        later = takewhile(lambda trial: trial.number > self._made, state.trials.latest())
        return dict(_trial(state, trial) for trial in later if trial.commit)

    def _set(self, changes: Mapping[str, str]) -> list[str]:
        """Make the changes, and return the branch if it has to wait: checked out, or another ref in its place."""
        self._seen = None
        name = branch(self._tag)
        others = {other: oid for other, oid in changes.items() if other != name}
        if name in changes and name in checked_out_branches(self._checkout):
            return [*self._set(others), name]  # moving it would make that working tree dirty
        if not changes:
            return []
        try:
            self._git.set_refs(changes)
        except RepositoryError:
            if name not in changes or not self._blocked(name):
                raise
            return [*self._set(others), name]
        return []

    def _blocked(self, name: str) -> bool:
        other_refs = any(other != name for other in self._git.refs(name))
        return other_refs or self._git.resolve("refs/heads/referee") is not None

    def _look(self, state: State, listed: Callable[[], Iterable[tuple[str, str]]]) -> _Look:
        commits = {trial.number: trial.commit for trial in state.trials.values()}
        last, at, others = next(reversed(state.trials), -1), f"{prefix(self._tag)}/trials/", dict[str, str]()
        began = time.monotonic()
        for name, oid in listed():
            number = number_of(name.removeprefix(at))
            if name.startswith(at) and number is not None and commits.get(number) == oid:
                del commits[number]
            else:
                others[name] = oid
        return _Look(others, frozenset(commits), last, began)

    def _moved(self, known: Mapping[str, str], actual: Mapping[str, str]) -> list[str]:
        def say(name: str, oid: str) -> str:
            found = actual.get(name)
            return f"{name} was {f'moved to {found[:7]}' if found else 'deleted'} by hand; put back to {oid[:7]}"

        return [say(name, oid) for name, oid in known.items() if actual.get(name) != oid]

    def _remove_strangers(self, actual: Mapping[str, str], target: Mapping[str, str]) -> list[str]:
        """Delete what others put among the session's own refs: first of all, since `x/y` leaves no room for `x`."""
        strangers = [name for name in actual if name not in target and f"{name}/".startswith(f"{prefix(self._tag)}/")]
        if strangers:
            self._git.set_refs(dict.fromkeys(strangers))
        return [f"{name} was added by hand ({actual[name][:7]}); removed" for name in strangers]
