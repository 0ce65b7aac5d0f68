import contextlib
import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.sandbox.spec import Level
from referee.session.contract import Plateau
from referee.session.errors import ProgramError
from referee.session.program import MAX_BYTES, load, parse

from tests.session.programs import NUMBERS, SHORTEST, contract, faults, instead, program


def test_the_shortest_program_gets_the_documented_defaults() -> None:
    found = parse(program(SHORTEST, "# Policy\nTry things.\n"))
    assert found.contract.target.path == "train.py"
    assert found.contract.evaluate.command == (".venv/bin/python", "train.py")
    assert found.contract.evaluate.timeout == 600
    assert found.contract.evaluate.repeats == 1
    assert found.contract.primary == "val_bpb"
    assert found.contract.metrics["val_bpb"].min_delta == 0
    assert found.contract.keep.simplicity
    assert found.contract.sandbox.minimum is Level.LIMITED
    assert not found.contract.sandbox.network
    assert found.contract.sandbox.cache == ()
    assert found.budget.model_dump() == {
        "max_experiments": 100,
        "max_wall_clock_hours": 8,
        "max_cost_usd": None,
        "max_consecutive_crashes": 10,
        "usd_per_hour": None,
        "plateau": None,
        "goal": None,
    }
    assert found.policy == "# Policy\nTry things.\n"


def test_every_fault_is_listed_one_a_line_with_its_key() -> None:
    text = program(
        "target: train.py\n"
        "evaluate: {command: python train.py, timout: 5}\n"
        "metrics: {val_bpb: {goal: min}}\n"
        "sandbox: {network: 1}\n"
        "keep: {max_jump: 3}\n"
        "budget: {max_experiments: -3}"
    )
    assert sorted(faults(text)) == [
        "program.md: key 'budget.max_experiments': found '-3' (a number), expected a number of at least 1",
        "program.md: key 'evaluate.timout': unknown key. Did you mean 'timeout'?",
        "program.md: key 'keep.max_jump': not supported yet",
        "program.md: key 'metrics.val_bpb.goal': found 'min', expected one of: minimize, maximize",
        "program.md: key 'sandbox.network': found '1' (a number), expected true or false",
    ]


def test_a_fault_within_a_list_names_the_place_and_the_member() -> None:
    (line,) = faults(instead("sandbox: {inputs: [a, 5]}"))
    assert line.startswith("program.md: key 'sandbox.inputs.1': found '5' (a number), expected text")


def test_a_missing_key_is_named_with_an_example_and_without_its_surroundings() -> None:
    assert faults(program("metrics: {a: minimize}\nevaluate: {timeout: 5}")) == [
        "program.md: key 'target': missing. Write for example target: train.py",
        "program.md: key 'evaluate.command': missing. Write for example command: python train.py",
    ]


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("keep: {max_jump: null}", "keep.max_jump"),
        ("keep: {on_suspicious: flag}", "keep.on_suspicious"),
    ],
)
def test_what_is_designed_and_not_built_is_refused_and_never_ignored(section: str, key: str) -> None:
    assert faults(instead(section)) == [f"program.md: key '{key}': not supported yet"]


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("plateau: 0", "'budget.plateau': found '0' (a number), expected a number of at least 1"),
        ("plateau: soon", "'budget.plateau': found 'soon', expected a number of trials such as 20, or {trials: 20, "),
        ("plateau: true", "'budget.plateau': found 'true' (true or false), expected a number of trials such as 20"),
        ("plateau: {action: nudge}", "'budget.plateau.trials': missing"),
        ("plateau: {trials: 3, action: halt}", "'budget.plateau.action': found 'halt', expected one of: stop, nudge"),
        ("plateau: {trial: 3, trials: 3}", "'budget.plateau.trial': unknown key. Did you mean 'trials'?"),
        ("goal: low", "'budget.goal': found 'low', expected a number"),
        ("goal: .inf", "'budget.goal': found 'Infinity' (a number), expected a finite number"),
        ("usd_per_hour: 0", "'budget.usd_per_hour': found '0' (a number), expected a number above 0"),
    ],
)
def test_what_ends_a_session_is_a_number_that_can_be_reached(budget: str, said: str) -> None:
    (line,) = faults(instead(f"budget: {{{budget}}}"))
    assert said in line


def test_the_budget_is_no_part_of_the_contracts_hash() -> None:
    one, other = (parse(instead(f"budget: {{{keys}}}")) for keys in ("plateau: 5, goal: 1", "usd_per_hour: 2.5"))
    assert one.contract.digest() == other.contract.digest()
    assert one.budget.plateau == Plateau(trials=5, action="stop")


def test_an_automatic_min_delta_is_refused_until_noise_is_measured() -> None:
    assert "'auto' is not supported yet" in faults(instead(NUMBERS % "auto"))[0]


def test_numbers_are_read_as_people_mean_them() -> None:
    """YAML 1.1 would read 1e-4 as text, and 10:30 as 630."""
    assert contract(NUMBERS % "1e-4").metrics["loss"].min_delta == 0.0001
    assert faults(instead(NUMBERS % "10:30"))[0].endswith("found '10:30', expected a number")


def test_null_limits_are_no_limits() -> None:
    budget = parse(instead("budget: {max_experiments: null, max_wall_clock_hours: null}")).budget
    assert budget.max_experiments is None
    assert budget.max_wall_clock_hours is None


@pytest.mark.parametrize(
    ("front", "part"),
    [
        ("target: a\ntarget: b", 'line 3: not valid YAML: found duplicate key "target"'),
        ("target: [", "line 3: not valid YAML"),
        ("a:\n\tb", "line 3: not valid YAML"),
        ("a: &x 1\nb: *x", "line 2: anchors and aliases"),
        ("a: 1\nb: !!python/object/apply:os.system [id]", "line 3: tags"),
        ("a: 1\n<<: {b: 1}", "line 3: merge keys"),
        ("%YAML 1.1\n--- {a: no}", "directives"),
        ("- a", "expected 'key: value' lines"),
        ("", "expected 'key: value' lines"),
        ("a: " + "[" * 20_000, "line 2: nested too deeply"),
        ("a: " + "9" * 5000, "cannot be read"),
        ("a: 2024-99-99", "cannot be read"),
        ("a: b\x01", "not valid YAML"),
        ("? {a: b}\n: c", "not valid YAML"),
        ("a: " + "x" * 64_000, "longer than 64,000"),
    ],
)
def test_front_matter_that_is_not_plain_data_is_refused_with_its_line(front: str, part: str) -> None:
    assert part in faults(program(front))[0]


def test_aliases_that_would_unfold_to_billions_are_refused_before_they_do() -> None:
    pairs = pairwise("abcdefgh")
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairs)
    assert "anchors and aliases" in faults(program(bomb))[0]


def test_a_key_that_is_not_text_is_named() -> None:
    assert "key '5': found '5' (a number) as the name of a key, expected text" in faults(instead("5: x"))[0]


def test_found_values_are_cut_and_their_control_characters_escaped() -> None:
    (line,) = faults(instead('keep: {rule: "\\e[31m' + "x" * 500 + '"}'))
    assert "found '\\x1b[31mxxx" in line
    assert "\x1b" not in line
    assert len(line) < 200


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("# no front matter\n", "the first line must be '---'"),
        ("", "the first line must be '---'"),
        ("---\ntarget: a\n", "is not closed"),
        ("---\ntarget: a\0\n---\n", "line 2: holds a NUL"),
        ("---\na: '\ud800'\n---\n", "surrogate"),
        ("x" * (MAX_BYTES + 1), "larger than 1,000,000 bytes"),
    ],
)
def test_text_without_a_contract_is_refused(text: str, part: str) -> None:
    assert part in faults(text)[0]


def test_byte_order_mark_and_windows_line_ends_are_read() -> None:
    text = "\ufeff" + program(SHORTEST, "Policy\n").replace("\n", "\r\n")
    assert parse(text).contract == parse(program(SHORTEST)).contract
    assert parse(text).policy == "Policy\r\n"


def test_a_missing_program_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"program\.md: no such file in .*Run: referee init"):
        load(tmp_path / "program.md")


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "program.md").write_bytes(b"---\na: \xff\n---\n")
    with pytest.raises(ProgramError, match="line 2: not UTF-8"):
        load(tmp_path / "program.md")


def test_a_pipe_or_folder_in_its_place_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "huge.md").write_text("é" * MAX_BYTES, encoding="utf-8")
    for name, part in (("pipe.md", "regular file"), ("folder.md", "regular file"), ("huge.md", "larger than")):
        with pytest.raises(ProgramError, match=part):
            load(tmp_path / name)


@given(st.text(max_size=300))
def test_no_front_matter_ends_in_anything_but_a_program_or_a_fault(front: str) -> None:
    with contextlib.suppress(ProgramError):
        parse(program(front))


KEYS = st.sampled_from(["target", "evaluate", "metrics", "keep", "budget", "sandbox", "command", "a", "goal", "env"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["train.py", "minimize", "weighted", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_no_combination_of_known_words_ends_in_a_traceback(front: dict[str, object]) -> None:
    with pytest.raises(ProgramError) as fault:
        parse(program(json.dumps({"readable": 5} | front)))
    assert all(line.startswith("program.md: ") for line in str(fault.value).splitlines())
