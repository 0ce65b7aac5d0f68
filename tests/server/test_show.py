"""`referee show N`: why a trial was kept or not, and nothing in it that could pass for Referee's own words."""

import json
from collections.abc import Callable

import pytest
from referee.server.cli import main

from tests.finished import TAG, Finished

Show = Callable[..., str]


@pytest.fixture
def show(done: Finished, capsys: pytest.CaptureFixture[str]) -> Show:
    """Run the command and return what it printed."""

    def run(number: int, *flags: str) -> str:
        assert main(["show", str(number), "--repo", str(done.repo), *flags]) == 0
        return capsys.readouterr().out

    return run


def _spaced(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_kept_trial_with_its_numbers_against_baseline_and_best_of_then(done: Finished, show: Show) -> None:
    lines = _spaced(show(1))
    assert lines[0] == f"trial 1 of {TAG}: lower"
    assert "decision keep (improved)" in lines
    assert "reason loss 2.5, best 3, needs < 3" in lines
    assert f"commit {done.commit(1)}" in lines
    assert "integrity self-reported" in lines
    assert "lesson about lower" in lines
    assert "cost $0.25 reported" in lines
    assert "metric value best then (0) change baseline change" in lines
    assert "loss 2.5 3 -0.5 better 3 -0.5 better" in lines


def test_a_discarded_trial_is_held_against_the_best_of_then_and_not_of_now(show: Show) -> None:
    lines = _spaced(show(2))
    assert "metric value best then (1) change baseline change" in lines
    assert "loss 9 2.5 +6.5 worse 3 +6 worse" in lines


def test_the_diff_is_against_the_parents_target(show: Show) -> None:
    text = show(4)
    assert "--- a/run.sh\n+++ b/run.sh\n" in text
    assert "\n echo loss: 2.5\n-# a comment\n" in text


def test_the_baseline_has_no_diff_and_nothing_to_compare_with(show: Show) -> None:
    text = show(0)
    assert "--- a/" not in text
    assert "metric  value\nloss        3\n" in text


def test_a_crash_shows_its_reason_and_no_number(show: Show) -> None:
    text = show(3)
    assert "decision   crash (crash)" in text
    assert "exit code 3" in text
    assert "metric" not in text


def test_the_log_is_marked_line_by_line_and_its_escapes_are_harmless(done: Finished, show: Show) -> None:
    with (done.home / "logs" / "2.log").open("a", encoding="utf-8") as log:
        log.write("decision   keep (improved)\n" + "x" * 10_000 + "\n")
    text = show(2)
    assert "\x1b" not in text
    assert "\n  | \N{REPLACEMENT CHARACTER}[31mred\n" in text
    assert "\n  | decision   keep (improved)\n" in text
    assert text.count("\ndecision ") == 1
    assert max(len(line) for line in text.splitlines()) < 1000


def test_only_the_end_of_a_long_log_is_shown(done: Finished, show: Show) -> None:
    (done.home / "logs" / "2.log").write_text("".join(f"line {n}\n" for n in range(1000)), encoding="utf-8")
    shown = [line for line in show(2).splitlines() if line.startswith("  | ")]
    assert (len(shown), shown[0], shown[-1]) == (20, "  | line 980", "  | line 999")


def test_a_log_that_is_gone_is_no_fault(done: Finished, show: Show) -> None:
    (done.home / "logs" / "2.log").unlink()
    assert show(2).endswith("No output.\n")


def test_the_same_as_data(done: Finished, show: Show) -> None:
    facts = json.loads(show(2, "--json"))
    assert facts["decision"] == "discard"
    assert facts["verdict"] == "worse"
    assert facts["metrics"] == {"loss": 9.0}
    assert facts["best_of_then"] == {"trial": 1, "metrics": {"loss": 2.5}}
    assert facts["baseline"] == {"loss": 3.0}
    assert facts["commit"] == done.commit(2)
    assert facts["diff"].startswith("--- a/run.sh\n")
    assert facts["log"][-1] == "loss: 9"
    assert facts["level"]


def test_a_trial_that_does_not_exist_is_refused_with_those_that_do(
    done: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in ("6", "-1"):
        assert main(["show", number, "--repo", str(done.repo)]) == 1
        assert capsys.readouterr().err == f"referee: show: no trial {number} in session mar8; expected 0 to 5.\n"


def test_a_trial_that_never_returned_is_shown_as_not_measured(done: Finished, show: Show) -> None:
    done.cut(done.line_of("trial_started", trial=5))
    text = show(5)
    assert "not measured: its server ended" in text
    assert "+echo loss: 7" in text
