"""`program.md.example`: complete, true about the defaults, and a program that runs."""

import re
import typing
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import BaseModel
from referee.server.commands.check import gather
from referee.session import program
from referee.session.contract import Budget, Contract, Evaluate, Keep, Metric, Sandbox

TEXT = files("referee").joinpath("program.md.example").read_text(encoding="utf-8")
TRAIN = 'print("val_bpb: 0.9")\nprint("peak_vram_mb: 100")\n'


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    """Every key that can stand in a program, those of inner models included."""
    for name, field in model.model_fields.items():
        yield name
        for part in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from keys_of(part)


def test_the_walk_over_the_models_reaches_the_inner_ones() -> None:
    assert {"repeats", "max_ratio", "weights", "inputs", "path"} <= set(keys_of(Contract))


@pytest.mark.parametrize("key", sorted({*keys_of(Contract), *keys_of(Budget)}))
def test_every_key_stands_in_the_example(key: str) -> None:
    assert re.search(rf"(^|[ {{]){key}:", TEXT, re.MULTILINE)


@pytest.mark.parametrize("key", sorted({*keys_of(Contract), *keys_of(Budget)} - {"path"}))
def test_every_key_has_a_comment_above_it_in_its_section(key: str) -> None:
    lines = TEXT.splitlines()
    place = next((n for n, line in enumerate(lines) if re.match(rf"\s*{key}:", line)), None)
    if place is None:  # of a table that is null by default: the comment shows it whole
        assert re.search(rf"^ *# .*[ {{]{key}:", TEXT, re.MULTILINE)
        return
    above = re.split(r"\n\s*\n", "\n".join(lines[:place]))[-1]
    assert "#" in above or "#" in lines[place + 1]


def test_the_values_of_the_example_are_the_defaults() -> None:
    given = program.parse(TEXT)
    contract = given.contract
    assert given.budget == Budget()
    assert contract.keep == Keep()
    assert contract.sandbox == Sandbox()
    assert contract.evaluate == Evaluate(command=contract.evaluate.command)
    assert contract.readable == Contract.model_fields["readable"].default
    assert contract.metrics["val_bpb"].min_delta == Metric.model_fields["min_delta"].default


def test_the_example_measures_a_trial_as_it_stands(make_project: Callable[..., Path]) -> None:
    folder = make_project({"program.md": TEXT, "train.py": TRAIN})
    facts = gather(folder, None)
    assert facts["ok"], facts["baseline"]
    assert facts["baseline"]["metrics"] == {"val_bpb": 0.9, "peak_vram_mb": 100}
    assert facts["guards_failed"] == []
