"""Result files and refs of a long session: little is remembered of them, and they are what they would be without."""

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from referee.sandbox.errors import RefereeError
from referee.session import program, results
from referee.session.contract import Budget
from referee.session.opened import Opened
from referee.session.opening import open_session
from referee.session.project import Project
from referee.session.published import Published
from referee.session.refs import Refs, branch, prefix, wanted
from referee.session.repository import Repository
from referee.session.results import Table, render, render_budget
from referee.session.state import Decision, State, Trial, Trials

from tests.finished import Finished
from tests.projects import program as text
from tests.session.conftest import OpenRepository

Git = Callable[..., str]

FEW = 4
TAG = "mar8"
CONTRACT = program.parse(text()).contract
STEPS = ("start", "measure", "decide", "row", "fail", "cost", "update")


def _trial(number: int, commit: str = "") -> Trial:
    row = f"{number}: " + 30 * "word "
    return Trial(number, "", "", "", "", 1.0, 0.0, commit, metrics={"loss": 1.5}, row=row, decision=Decision.DISCARD)


def _state(trials: int, base: str = "0" * 40, oids: Sequence[str] = ()) -> State:
    """A session with that many finished trials; theirs are these commits."""
    opened = Opened(TAG, base, "0" * 40, "run.sh", CONTRACT, "results.tsv", ("sh",), (), {}, "self-reported")
    commits = [*oids, *[""] * trials]
    return State(opened, Budget(), base, trials=Trials({n: _trial(n, commits[n]) for n in range(trials)}))


class _Session:
    """Trials that come, change and go as a journal could tell it, and the tables that follow them."""

    def __init__(self) -> None:
        self.trials: dict[int, Trial] = {}
        self.unfinished: set[int] = set()
        self._changed: set[int] = set()
        self._followed = (self._rows(), results.costs())

    def _rows(self) -> Table:
        return results.rows(CONTRACT)

    def step(self, kind: str, which: int) -> None:
        last = max(self.trials, default=-1)
        number = which if which in self.trials else last
        if kind == "start":
            number = last + 1
            self.trials[number] = Trial(number, "", "", "", "", 1.0, 0.0)
            self.unfinished.add(number)
        elif kind == "fail":
            number = last
            self.trials.pop(number, None)
            self.unfinished.discard(number)
        elif self.trials:
            self._change(self.trials[number], kind, which)
        self._changed.add(number)

    def _change(self, trial: Trial, kind: str, which: int) -> None:
        if kind == "measure":
            trial.seconds, trial.metrics, trial.commit = which / 4, {"loss": float(which)}, f"{which:040x}"
        elif kind == "cost":
            trial.costs = {"reported": which / 8, "machine": 0.5}
        elif kind == "decide":
            trial.decision = Decision.DISCARD
        elif kind == "row":
            trial.row = f'said "{which}"\tof {trial.number}'
        if trial.decision and trial.row:
            self.unfinished.discard(trial.number)

    def followed(self) -> list[bytes]:
        changed, self._changed = self._changed, set()
        return [table.update(self.trials, changed, self.unfinished) for table in self._followed]

    def anew(self) -> list[bytes]:
        """The same tables, each line of them made in a table of its own."""
        return [self._alone(self._rows), self._alone(results.costs)]

    def _alone(self, make: Callable[[], Table]) -> bytes:
        head = make().update({}, ())
        lines = (make().update({n: self.trials[n]}, [n]).removeprefix(head) for n in sorted(self.trials))
        return head + b"".join(lines)


@pytest.fixture(scope="module")
def _few_apart() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "_APART", FEW)
        yield


LATE_FIRST_ROW = [
    *(("start", 0) for _ in range(5)),
    *(("decide", number) for number in range(5)),
    *(("row", number) for number in (1, 2, 3, 4)),
    ("update", 0),
    ("row", 0),
    ("row", 1),
]


@pytest.mark.usefixtures("_few_apart")
@example(steps=LATE_FIRST_ROW, many=0)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 40)), max_size=120), many=st.integers(0, 30))
def test_tables_that_follow_a_session_are_byte_for_byte_those_made_anew(
    steps: list[tuple[str, int]], many: int
) -> None:
    session = _Session()
    finished = [(kind, which) for which in range(many) for kind in ("start", "measure", "decide", "row", "update")]
    for kind, which in [*finished, *steps]:
        if kind == "update":
            assert session.followed() == session.anew()
        else:
            session.step(kind, which)
    assert session.followed() == session.anew()


class _Read(dict[int, Trial]):
    """Trials that count how often one of them is read."""

    reads = 0

    def __getitem__(self, number: int) -> Trial:
        self.reads += 1
        return super().__getitem__(number)


@pytest.mark.usefixtures("_few_apart")
def test_a_trial_is_read_again_only_if_it_has_changed_or_a_line_settled_before_it() -> None:
    trials, table = _Read(), results.rows(CONTRACT)
    for number in range(20):
        trials[number] = _trial(number)
        table.update(trials, [number])
    assert trials.reads == 20
    trials[3] = replace(_trial(3), row="said late")
    assert b"said late" in table.update(trials, [3])
    assert trials.reads == 40
    table.update(trials, [19])
    assert trials.reads == 41


@pytest.mark.usefixtures("_few_apart")
def test_the_line_of_an_unfinished_trial_is_not_settled_however_many_come_after_it() -> None:
    trials, table = _Read(), results.costs()
    for number in range(20):
        trials[number] = _trial(number)
        table.update(trials, [number], unfinished=[0])
    trials[0] = replace(_trial(0), seconds=7.0)
    assert b"\n0\t7.000\t" in table.update(trials, [0])
    assert trials.reads == 21


def test_of_the_result_files_of_a_long_session_little_more_is_held_than_their_text(tmp_path: Path) -> None:
    state = _state(4000)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        published = Published(tmp_path, tmp_path / "copy.tsv", state)
        assert published.write(state) == []
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    written = [(tmp_path / name).read_bytes() for name in ("results.tsv", "copy.tsv", "budget.log")]
    assert written == [render(state), render(state), render_budget(state)]
    assert held < 1.5 * (len(written[0]) + len(written[2]))


def test_a_result_file_is_written_again_only_if_it_would_differ(tmp_path: Path) -> None:
    state = _state(3)
    published = Published(tmp_path, tmp_path / "copy.tsv", state)
    published.write(state)
    (tmp_path / "results.tsv").unlink()
    published.stale([1])
    assert published.write(state) == []
    assert not (tmp_path / "results.tsv").exists()
    state.trials[1].row = "said late"
    published.stale([1])
    assert published.write(state) == []
    assert (tmp_path / "results.tsv").read_bytes() == render(state)


Found = tuple[Repository, Refs, State, list[str]]


@pytest.fixture
def found(project: Path, repository: OpenRepository) -> Found:
    """A session of six trials with its refs, a server that has just started, and the commits of the trials."""
    ours = repository(project)
    base = ours.head()
    oids = [base, *(ours.git.write_commit(ours.base(base).tree, base, f"trial {n}\n", n) for n in range(1, 6))]
    state = _state(6, base, oids)
    refs = Refs(ours.git, ours.checkout, TAG)
    ours.git.set_refs(wanted(state))
    return ours, refs, state, oids


def _actual(ours: Repository) -> dict[str, str]:
    return ours.git.refs(branch(TAG), prefix(TAG))


def test_a_start_tells_refs_of_trials_moved_by_hand_and_not_those_that_a_killed_server_left(found: Found) -> None:
    ours, refs, state, oids = found
    at = f"{prefix(TAG)}/trials"
    foreign = ours.git.write_commit(ours.base(oids[0]).tree, oids[0], "not measured\n", 9)
    ours.git.set_refs({f"{at}/1": foreign, f"{at}/2": None, f"{at}/3": oids[4], f"{at}/5": None})
    refs.expect(state)
    said = refs.settle(state, look=True)
    assert said == [
        f"{at}/1 was moved to {foreign[:7]} by hand; put back to {oids[1][:7]}",
        f"{at}/2 was deleted by hand; put back to {oids[2][:7]}",
    ]
    assert _actual(ours) == wanted(state)
    ours.git.set_refs({f"{at}/3": oids[4], f"{at}/5": None})
    said = refs.settle(state, look=True)
    assert [line.partition(" by hand")[0] for line in said] == [
        f"{at}/3 was moved to {oids[4][:7]}",
        f"{at}/5 was deleted",
    ]
    assert _actual(ours) == wanted(state)


def test_the_ref_of_a_new_trial_is_watched_from_the_moment_that_it_is_made(found: Found) -> None:
    ours, refs, state, oids = found
    name = f"{prefix(TAG)}/trials/6"
    refs.expect(state)
    refs.settle(state, look=True)
    state.trials[6] = _trial(6)
    assert refs.settle(state, look=True) == []
    state.trials[6].commit = oids[5]
    assert refs.settle(state, look=False) == []
    assert _actual(ours)[name] == oids[5]
    ours.git.set_refs({name: oids[1]})
    assert refs.settle(state, look=True) == [f"{name} was moved to {oids[1][:7]} by hand; put back to {oids[5][:7]}"]
    assert _actual(ours) == wanted(state)


def test_a_baseline_that_failed_leaves_no_ref_and_the_next_one_has_its_own(
    project: Path, repository: OpenRepository
) -> None:
    ours = repository(project)
    state = _state(1, ours.head())
    refs = Refs(ours.git, ours.checkout, TAG)
    assert refs.settle(state, look=False) == []
    del state.trials[0]
    assert refs.settle(state, look=True) == []
    assert len(_actual(ours)) == 4
    state.trials[0] = _trial(0, ours.head())
    assert refs.settle(state, look=True) == []
    assert _actual(ours)[f"{prefix(TAG)}/trials/0"] == ours.head()


def test_what_is_remembered_of_refs_does_not_grow_with_the_trials(found: Found) -> None:
    _, refs, state, oids = found
    refs.expect(state)
    for number in range(6, 12):
        state.trials[number] = _trial(number, oids[5])
        assert refs.settle(state, look=number % 2 == 0) == []
    remembered = str(vars(refs))
    assert oids[0] in remembered
    assert [oid for oid in oids[1:] if oid in remembered] == []


@pytest.mark.parametrize("commit", ["abc", "zz", "A" * 40])
def test_a_commit_that_is_none_is_refused_and_not_taken_for_an_unforeseen_fault(done: Finished, commit: str) -> None:
    def forged(records: list[dict[str, Any]]) -> None:
        for record in records:
            if record["kind"] == "trial_measured" and record["data"]["trial"] == 2:
                record["data"]["commit"] = commit

    done.forge(forged)
    project = Project(done.repo)
    with pytest.raises(RefereeError):
        open_session(project, "mar8")
    project.git.close()
