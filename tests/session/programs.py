"""Program files that differ from the shortest one in a section."""

import pytest
from referee.session.contract import Contract
from referee.session.errors import ProgramError
from referee.session.program import parse

SHORTEST = """target: train.py
evaluate: {command: .venv/bin/python train.py, timeout: 10m}
metrics: {val_bpb: minimize}
"""
NUMBERS = "metrics: {loss: {goal: minimize, min_delta: %s}}"


def program(front: str, policy: str = "") -> str:
    """The text of a program file."""
    return f"---\n{front}\n---\n{policy}"


def instead(section: str, *more: str) -> str:
    """The shortest program with one of its lines replaced, or with a section added."""
    key = section.partition(":")[0]
    kept = [line for line in SHORTEST.splitlines() if not line.startswith(key + ":")]
    return program("\n".join([*kept, section, *more]))


def faults(text: str) -> list[str]:
    """What is wrong with a program, line by line."""
    with pytest.raises(ProgramError) as fault:
        parse(text)
    return str(fault.value).splitlines()


def contract(section: str) -> Contract:
    """The contract of the shortest program with a section replaced or added."""
    return parse(instead(section)).contract
