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
        ("", set()),
        ("sandbox: {}", set()),
        ("sandbox: {minimum: none, inputs: [data]}", set()),
        ("sandbox: {memory: 80%}", {"memory"}),
        ("sandbox: {processes: 4096, disk: 1GB, files: 20}", {"processes", "disk", "files"}),
        ("sandbox: {open_files: 100, cpu: 2h}", {"open_files", "cpu"}),
        ("sandbox: {cpu: null}", set()),
        ("sandbox: {network: false}", {"network"}),
        ("sandbox: {network: true}", set()),
    ],
)
def test_what_stands_in_the_file_is_asked_for_and_a_default_is_not(sandbox: str, keys: set[str]) -> None:
    found = asked(program.parse(_TEXT.format(sandbox=sandbox)).contract.sandbox)
    assert found == keys
    assert found <= KEYS.keys()
