"""What `referee init` reads from sources, the words that scripts take and the numbers that they write; and its YAML."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.server.printed_names import dumped_names, printed_names, shell_names
from referee.server.program_text import Answers, program_text
from referee.server.script_words import python_words, shell_words
from referee.session import program


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("print(1)", []),
        ("import sys\nmain(sys.argv[1])", ["{target}"]),
        ("import sys\nprogram, out = sys.argv[1], 1\nfolder = sys.argv[2]", ["{target}", "{results}"]),
        ("import sys\ndef main(plan, logs): ...\nmain(*sys.argv[1:])", ["{target}", "{results}"]),
        ("from sys import argv\ndef main(x): ...\nmain(argv[1])", ["{target}"]),
        ("import sys\ndef main(out, program): ...\nmain(sys.argv[1], sys.argv[2])", ["{results}", "{target}"]),
        ("import sys\nseed = int(sys.argv[2])", None),
        ("p.add_argument('program')\np.add_argument('--seed', type=int)", ["{target}"]),
        ("p.add_argument('-p', '--program', required=True)", ["--program", "{target}"]),
        ("p.add_argument('--log-level', default='info')\np.add_argument('--out-dir')", ["--out-dir", "{results}"]),
        ("p.add_argument('--seed', required=True)", None),
        ("p.add_argument('cases')", None),
        ("p.add_argument('cases', nargs='?')", []),
    ],
)
def test_the_words_that_a_python_script_takes_are_read(source: str, words: list[str] | None) -> None:
    assert python_words(source) == words


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("python3 x.py", []),
        ('python3 "$1"', ["{target}"]),
        ("program=$1\nsplit=${2:-train}", ["{target}", "train"]),
        ('# usage: evaluate.sh PROGRAM train|test\nrun "$1" "$2"', ["{target}", "train"]),
        ('run "$1"\nmkdir -p "$2"', ["{target}", "{results}"]),
        ('run "$1" > "$2/reward.json"', ["{target}", "{results}"]),
        ('# see "$4"\nrun "$1" "$2"', None),
    ],
)
def test_the_words_that_a_shell_script_takes_are_read(source: str, words: list[str] | None) -> None:
    assert shell_words(source) == words


def test_names_in_json_are_those_of_numbers_with_dots_between_levels() -> None:
    table = '{"score": x, "status": "fine", "ok": True, "m": {"a": 1, "b": f"{x}"}, **more}'
    assert printed_names(f"print(json.dumps({table}))") == ["score", "m.a"]
    assert printed_names(f"found = {table}\nprint(json.dumps(found, indent=1))") == ["score", "m.a"]
    assert printed_names(f"json.dump({table}, sys.stdout)") == ["score", "m.a"]
    assert printed_names(f"json.dump({table}, file)") == []
    assert dumped_names(f"json.dump({table}, file)") == ["score", "m.a"]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (r"""printf '{"right": %d, "share": 0.%03d, "name": "%s"}\n' 1 2 x""", ["right", "share"]),
        (r'echo "{\"score\": $score}"', ["score"]),
        ('echo "METRIC loss=$x"', ["loss"]),
        ('echo "loss: $x"', ["loss"]),
        ('# echo "loss: $x"\necho "loss: high"', []),
    ],
)
def test_names_are_read_from_what_a_shell_script_writes(source: str, names: list[str]) -> None:
    assert shell_names(source) == names


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("x = f(x)\n" * 20000 + "print(json.dumps(x))", id="a variable that is made of itself"),
        pytest.param("print(" + " + ".join(["'a'"] * 1500) + ")", id="a long sum of texts"),
        pytest.param(
            "def a():\n return b()\ndef b():\n return a()\nprint(json.dumps(a()))", id="two that call each other"
        ),
    ],
)
def test_sources_that_lead_nowhere_are_left(source: str) -> None:
    assert printed_names(source) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cc", "Cs", "Zl", "Zp"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "no", "1"]), inner, max_size=2),
    max_leaves=5,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["n", "yes", "null"]), JSON, min_size=1))
def test_any_arguments_of_a_call_are_read_back_as_they_were(args: dict[str, Any]) -> None:
    answers = Answers("t.py", "", "score", "maximize", "10m", call="t.py:f", check="e.py:g", args=args)
    found = program.parse(program_text(answers, [])).contract.evaluate.call
    assert found is not None
    assert found.args == args
