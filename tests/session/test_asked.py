"""Which limits a program asks for in so many words: only those can be missed."""

import pytest
from referee.sandbox.choice import KEYS
from referee.session import program
from referee.session.plan import asked

_TEXT = """---
target: train.py
evaluate: {{command: python3 train.py}}
metrics: {{loss: minimize}}
{sandbox}
---
"""


@pytest.mark.parametrize(
    ("sandbox", "keys"),
    [
        ("", ""),
        ("sandbox: {}", ""),
        ("sandbox: {minimum: none, inputs: [data]}", ""),
        ("sandbox: {memory: 80%}", "memory"),
        ("sandbox: {processes: 4096, disk: 1GB, files: 20}", "disk files processes"),
        ("sandbox: {open_files: 100, cpu: 2h}", "cpu open_files"),
        ("sandbox: {cpu: null}", ""),
        ("sandbox: {network: false}", "network"),
        ("sandbox: {network: true}", ""),
    ],
)
def test_what_stands_in_the_file_is_asked_for_and_a_default_is_not(sandbox: str, keys: str) -> None:
    found = asked(program.parse(_TEXT.format(sandbox=sandbox)).contract.sandbox)
    assert " ".join(sorted(found)) == keys
    assert found <= KEYS.keys()
