"""What a reason tells the agent: nothing that it quotes where logs are not shown, and numbers of so many digits."""

import pytest
from referee.sandbox.numerals import shown
from referee.session.contract import Contract
from referee.session.feedback import told

_GIVEN = {"target": "train.py", "evaluate": {"command": "python3 train.py"}, "metrics": {"score": "maximize"}}


def contract(**feedback: object) -> Contract:
    return Contract.model_validate(_GIVEN | {"feedback": feedback}, strict=False)


@pytest.mark.promise("confined trial")
@pytest.mark.parametrize("log", ["errors", "none"])
@pytest.mark.parametrize(
    "text",
    [
        "truth 7319",
        "it's 7319",
        'say "7319"',
        "both ' and \" 7319",
        "ends with \\\\",
        "7319\nline",
        "x" * 100 + "7319",
        "' 7319 '",
    ],
)
def test_what_a_reason_quotes_is_left_out(log: str, text: str) -> None:
    said = f"the target's file doesn't hold a number: {shown(text)} in line 3, {shown('7319')} in line 4"
    left = told(contract(log=log), said)
    assert left == "the target's file doesn't hold a number: '…' in line 3, '…' in line 4"


def test_where_the_log_is_shown_reasons_are_too() -> None:
    said = f"score in line 1: {shown('truth 7319')} is not a plain decimal number"
    assert told(contract(log="tail"), said) == said


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("score 6012345, best 5512345.5, needs > 5512345.5", "score 6000000, best 5500000, needs > 5500000"),
        ("score -7.407401999e-08, best -3.08e-08", "score -7.4e-08, best -3.1e-08"),
        ("score 612, best 0.7745966.", "score 610, best 0.77."),
        ("score 12, best 0.5", "score 12, best 0.5"),
        ("killed at its time limit of 600 s", "killed at its time limit of 600 s"),
        ("trial 123 ended with exit code 139 after 128 lines", "trial 123 ended with exit code 139 after 128 lines"),
        ("score 1.5; equal with 117 lines, best 131", "score 1.5; equal with 117 lines, best 131"),
        ("'612.5' in line 120", "'610' in line 120"),
        ("version 1.2.345 of a1234", "version 1.2.345 of a1234"),
    ],
)
def test_numbers_have_as_many_digits_as_the_contract_says(said: str, left: str) -> None:
    assert told(contract(digits=2), said) == left
