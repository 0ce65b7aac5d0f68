"""What a fresh agent is given of the trials: few lines whatever their number, and nothing that the contract hides."""

import json
import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referee.session.contract import Contract
from referee.session.dead_ends import Group, reason_of, stem
from referee.session.fold import fold
from referee.session.journal import load
from referee.session.memory import FEW, Most, lines, remember
from referee.session.program import parse
from referee.session.project import Project
from referee.session.recalled import rows, summary
from referee.session.recollection import Recollection
from referee.session.state import Decision, State, Trial, Trials
from referee.session.view import MAX_CHARS, View
from referee.session.words import describe

from tests.finished import Finished
from tests.projects import program

CONTRACT = parse(program()).contract


@pytest.fixture
def state(done: Finished) -> State:
    """A session that was opened and has no trials yet."""
    found = fold(load(done.journal).records[:1])
    assert found is not None
    return found


def contract(**feedback: object) -> Contract:
    """The contract with other feedback."""
    changed = CONTRACT.feedback.model_copy(update=feedback)
    return CONTRACT.model_copy(update={"feedback": changed})


def add(state: State, loss: float | None, description: str = "an idea", **more: Any) -> Trial:
    """Add a measured and decided trial; without a loss it crashed."""
    number = max(state.trials, default=-1) + 1
    best = state.best_trial
    kept = loss is not None and (best is None or loss < best.metrics["loss"])
    decision = Decision.KEEP if kept else Decision.CRASH if loss is None else Decision.DISCARD
    trial = Trial(number, f"blob{number}", "", "", description, 60.0, 0.0, row=description, decision=decision)
    trial.outcome, trial.metrics = ("crash", {}) if loss is None else ("ok", {"loss": loss})
    trial.verdict = "crash" if loss is None else "improved" if kept else "worse"
    for name, value in more.items():
        setattr(trial, name, value)
    state.trials[number] = trial
    state.best = number if kept else state.best
    return trial


def remembered(state: State, contract: Contract, most: Most) -> dict[str, Any]:
    """What the trials come to."""
    return remember(Recollection(state.trials, contract).gathered(), contract, state.best_trial, most)


def many(state: State, count: int) -> None:
    """A long night: long words, every trial another reason, lesson and description."""
    chance = random.Random(7)  # noqa: S311 - any numbers do
    add(state, 1000.0, "baseline")
    for number in range(count):
        words = " ".join(chance.choice(["wider", "deeper", "colder", f"x{number}"]) for _ in range(60))[:300]
        loss = None if number % 3 == 0 else 900.0 - number / 100 if number % 50 == 1 else 900 + chance.random()
        reason = f"exit code {number}: {words[::-1][:200]}"
        add(state, loss, words, reason=reason, lesson=f"{number} {words}"[:300])


def test_ten_thousand_trials_give_no_more_than_a_few_hundred(done: Finished, state: State) -> None:
    """Whatever a fresh context asks for first has the same bound."""
    sizes: list[list[int]] = []
    for count in (300, 10_000):
        state.trials.clear()
        state.best = None
        many(state, count)
        project = Project(done.repo)
        view = View(project, state, done.home)
        told = [summary(view), rows(view, 200, None), view.read_program()]
        sizes.append([len(reply.text) for reply in told] + [len(json.dumps(dict(told[0].facts)))])
        project.git.close()
    assert all(size <= MAX_CHARS + 200 for size in sizes[1])
    small, large = sizes
    assert all(after <= before * 1.2 + 300 for before, after in zip(small, large, strict=True))


def test_the_policy_is_whole_whatever_else_is_told(done: Finished, state: State) -> None:
    policy = "\n".join(f"rule {number}: do not {'x' * 80}" for number in range(80))
    (done.repo / "program.md").write_text(program() + policy, encoding="utf-8")
    many(state, 1_000)
    for _ in range(20):
        state.said.tell("y" * 2000)
    state.said.tell("the last word")
    project = Project(done.repo)
    text = describe(View(project, state, done.home))
    project.git.close()
    assert text.endswith(policy)
    assert len(text) <= MAX_CHARS
    assert "- the last word\n" in text
    assert f"- trial 1000: {state.trials[1000].lesson}" in text


def test_a_policy_that_cannot_fit_is_cut_at_a_line_and_that_is_said(done: Finished, state: State) -> None:
    policy = "\n".join(f"rule {number:06d}" for number in range(10_000))
    (done.repo / "program.md").write_text(program() + policy, encoding="utf-8")
    project = Project(done.repo)
    text = describe(View(project, state, done.home))
    project.git.close()
    assert len(text) <= MAX_CHARS
    *_, last, cut = text.splitlines()
    assert len(last) == len("rule 000000")
    assert cut.endswith(" more characters")


def test_rows_that_do_not_fit_leave_the_oldest_out_and_say_so(done: Finished, state: State) -> None:
    many(state, 400)
    project = Project(done.repo)
    reply = rows(View(project, state, done.home), 200, None)
    project.git.close()
    told = reply.facts["rows"]
    assert told[0]["trial"] == "0"
    assert told[-1]["trial"] == "400"
    assert "older rows do not fit" in reply.text.splitlines()[-1]
    assert len(reply.text.splitlines()) == 1 + len(told) + 1


def test_no_answer_is_so_long_that_a_client_cuts_it(done: Finished, state: State) -> None:
    """Claude Code shows at most 50,000 characters of a structure, Codex about 40,000."""
    many(state, 400)
    project = Project(done.repo)
    view = View(project, state, done.home)
    replies = [rows(view, 200, None), summary(view), view.read_program()]
    project.git.close()
    assert all(len(json.dumps({"text": one.text, **one.facts}, ensure_ascii=False)) < 35_000 for one in replies)


def test_kept_trials_tell_what_each_gained_on_the_one_before(state: State) -> None:
    for loss in (3.0, 2.5, 2.7, 2.4):
        add(state, loss)
    kept = remembered(state, CONTRACT, Most())["kept"]
    assert [(item["trial"], item["value"], item["gain"]) for item in kept] == [(1, 2.5, 0.5), (3, 2.4, 0.1)]
    for number in range(30):
        add(state, 2.0 - number / 100)
    assert [item["trial"] for item in remembered(state, CONTRACT, Most())["kept"]] == list(range(24, 34))


def test_near_misses_are_those_closest_to_the_best_with_the_gap(state: State) -> None:
    for loss in (3.0, 1.0, 1.5, 1.1, 9.0, 1.2, 1.4, 1.3):
        add(state, loss)
    add(state, None)
    add(state, 1.25, interrupted=False, verdict="guard_failed")
    near = remembered(state, CONTRACT, Most())["near_misses"]
    assert [(item["trial"], item["gap"]) for item in near] == [(3, 0.1), (5, 0.2), (9, 0.25), (7, 0.3), (6, 0.4)]
    text = "\n".join(lines(remembered(state, CONTRACT, Most()), CONTRACT))
    assert "- trial 3: loss 1.1 (worse, 0.1 short of the best): an idea" in text


def test_one_idea_at_many_settings_is_one_dead_end(state: State) -> None:
    add(state, 1.0)
    for number in range(8):
        add(state, 2.0 + number, f"Learning rate {number / 1000}, (again)")
    add(state, 5.0, "dropout 0.1")
    tried = remembered(state, CONTRACT, Most())["tried"]
    assert tried[0] == {"what": "learning rate again", "count": 8, "trials": [4, 5, 6, 7, 8], "best": 2.0}
    assert tried[1]["what"] == "dropout"


def test_crashes_are_grouped_by_their_reason_without_its_numbers(state: State) -> None:
    add(state, 1.0)
    for number in range(7):
        add(state, None, reason=f"exit code 1: CUDA out of memory: {number}.5 GiB, 1e-{number} left")
    add(state, None, reason="ran longer than 20 s", verdict="timeout", outcome="timeout")
    add(state, None, reason="interrupted: the server ended", interrupted=True)
    failed = remembered(state, CONTRACT, Most())["failed"]
    assert [(group["what"], group["count"]) for group in failed] == [
        ("exit code #: CUDA out of memory: # GiB, # left", 7),
        ("ran longer than # s", 1),
    ]


@pytest.mark.parametrize("asked", [1, 7, 500])
def test_what_is_told_is_the_same_however_often_it_was_asked_before(state: State, asked: int) -> None:
    """Packed trials are gathered once, as they come."""
    chance = random.Random(asked)  # noqa: S311 - any numbers do
    recollection = Recollection(state.trials, CONTRACT)
    for number in range(500):
        loss = chance.choice([None, 50.0 - number / 10, 60 + chance.random(), 61.0])
        lesson = chance.choice([None, f"lesson {number}", "the same lesson"])
        add(state, loss, f"{chance.choice(['wide', 'deep', 'cold'])} {number}", reason=f"code {number}", lesson=lesson)
        state.trials.pack(())
        if number % asked == 0:
            recollection.gathered()
    if asked == 7:
        state.trials.open(100).costs = {"reported": 1.0}  # a report that counts late opens packed trials
    found, plain = recollection.gathered(), Recollection(Trials(dict(state.trials)), CONTRACT).gathered()
    assert remember(found, CONTRACT, None, Most()) == remember(plain, CONTRACT, None, Most())
    for decision in Decision:
        rows = [number for number, trial in state.trials.items() if trial.decision is decision]
        assert [trial.number for trial in found.rows[decision]] == rows[-200:]


def test_lessons_are_told_once_and_the_latest_of_them(state: State) -> None:
    for number in range(60):
        add(state, 1.0, lesson="Same   words" if number % 2 else f"lesson {number}")
    lessons = remembered(state, CONTRACT, Most())["lessons"]
    assert len(lessons) == 20
    assert [item["trial"] for item in lessons] == sorted(item["trial"] for item in lessons)
    assert [item for item in lessons if "words" in item["lesson"]] == [{"trial": 59, "lesson": "Same   words"}]
    assert lessons[-2]["lesson"] == "lesson 58"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["lr", "LR 2", "width", "", "9"]), st.one_of(st.none(), st.integers(0, 50))),
        max_size=60,
    )
)
def test_every_trial_is_counted_in_exactly_one_group(found: Sequence[tuple[str, int | None]]) -> None:
    groups: dict[str, Group] = {}
    for number, (words, value) in enumerate(found):
        groups.setdefault(stem(words), Group(stem(words))).add(number, value, higher=True)
    assert {label: group.count for label, group in groups.items()} == Counter(stem(words) for words, _ in found)
    for label, group in groups.items():
        values = [value for words, value in found if stem(words) == label and value is not None]
        assert group.best == max(values, default=None)
        assert group.trials == [number for number, (words, _) in enumerate(found) if stem(words) == label][-5:]


@given(st.text(max_size=400), st.integers(0, 10**6))
def test_a_stem_holds_no_digit_and_no_capital_and_is_its_own_stem(text: str, number: int) -> None:
    found = stem(text)
    assert not any(char.isdecimal() for char in found)
    assert stem(found) == found or len(found) == 120
    assert stem(f"{text} {number}") == found


@given(st.integers(0, 10**9), st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 10**9))
def test_a_reason_is_the_same_whatever_its_numbers(first: int, value: float, last: int) -> None:
    said = reason_of(CONTRACT, f"line {first}: {value!r} is over the limit of {last} bytes")
    assert said.replace("-", "") == "line #: # is over the limit of # bytes"


def test_nothing_that_the_contract_hides_is_told(state: State) -> None:
    """No digit too many, also not in differences; no word of a log; no metric but those of the contract."""
    shy = contract(digits=2, log="errors")
    for loss in (1.23456, 1.11111, 1.11999, 1.12345):
        add(state, loss, metrics={"loss": loss, "secret_metric": 42.4242})
    add(state, None, reason="it said 'the password is 31337' and left 1.23456 behind")
    add(state, None, reason="it said 'another password' and left 9.87654 behind")
    memory = remembered(state, shy, Most())
    text = json.dumps(memory) + "\n".join(lines(memory, shy))
    for hidden in ("23456", "1111", "1199", "12345", "password", "31337", "42.4242", "secret_metric", "87654"):
        assert hidden not in text
    assert memory["failed"] == [{"what": "it said '…' and left # behind", "count": 2, "trials": [4, 5]}]
    assert memory["near_misses"][0]["gap"] == 0.0
    assert memory["kept"][0]["gain"] == pytest.approx(0.1)


def test_equal_numbers_as_the_agent_sees_them_are_not_ordered_by_what_it_does_not_see(state: State) -> None:
    shy = contract(digits=1)
    add(state, 1.0)
    for loss in (2.4, 2.1, 2.3):
        add(state, loss)
    assert [item["trial"] for item in remembered(state, shy, Most())["near_misses"]] == [3, 2, 1]


def test_a_session_without_trials_has_no_memory(state: State) -> None:
    assert remembered(state, CONTRACT, FEW) == {}
    add(state, 3.0, "baseline")
    assert remembered(state, CONTRACT, FEW) == {}
    assert lines({}, CONTRACT) == []


def test_values_beyond_any_float_do_not_break_it(state: State) -> None:
    add(state, 1e308)
    add(state, math.nextafter(-1.7e308, 0))
    add(state, 1.7e308)
    memory = remembered(state, CONTRACT, Most())
    assert [(item["trial"], "gap" in item) for item in memory["near_misses"]] == [(2, False)]
    assert lines(memory, CONTRACT)
