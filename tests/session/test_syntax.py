from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.session.syntax import check_syntax


@pytest.mark.parametrize(
    ("path", "text", "start"),
    [
        ("train.py", "x = 1\ny = 2\ndef f(:\n", "line 3: invalid syntax"),
        ("train.py", "x = (\n", "line 1: '(' was never closed"),
        ("train.py", "if x:\ny = 1\n", "line 2: expected an indented block"),
        ("train.py", "x = 1\0", "source code string cannot contain null bytes"),
        ("TRAIN.PY", "1 +\n", "line 1: invalid syntax"),
        ("a.json", '{\n"a": 1,\n}', "line 3: "),
        ("a.json", "", "line 1: Expecting value"),
        ("a.toml", "a = 1\nb =\n", "Invalid value (at line 2, column 4)"),
        ("a.yaml", "a: 1\n  b: 2\n", "line 2: mapping values are not allowed here"),
        ("a.yml", "a: [\n", "line 2: "),
    ],
)
def test_a_fault_is_told_in_one_line_with_its_place(path: str, text: str, start: str) -> None:
    found = check_syntax(path, text)
    assert found.startswith(start)
    assert "\n" not in found


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("train.py", "import torch\nprint('\\d')\n"),
        ("train.py", "\ufeffx = 1\r\n"),
        ("train.py", ""),
        ("a.json", '{"a": [1, 1e400, ' + "9" * 5000 + "]}"),
        ("a.json", "\ufeff{}"),
        ("a.toml", "[a]\nb = 1979-05-27\n"),
        ("a.yaml", "a: &x [1]\nb: *x\nc: !custom 1\n"),
        ("prompt.md", "(((\n"),
        ("prompt.md", ""),
        ("noending", "def f(:"),
        (".py", "x"),
    ],
)
def test_what_is_fine_or_not_known_gets_no_warning(path: str, text: str) -> None:
    assert check_syntax(path, text) == ""


def test_nothing_is_executed(tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert check_syntax("a.py", f"open({str(made)!r}, 'w')") == ""
    assert check_syntax("a.yaml", f"!!python/object/apply:os.mkdir [{str(made)!r}]") == ""
    assert not made.exists()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "(" * 200_000),
        ("a.py", "-" * 299_999 + "1"),
        ("a.py", "not " * 70_000 + "x"),
        ("a.py", "lambda:" * 40_000 + "x"),
        ("a.py", "x" + ".a" * 140_000),
        ("a.py", "a**" * 90_000 + "1"),
        ("a.py", "x=" + "1+" * 140_000 + "1"),
        ("a.py", "if x:pass\n" + "elif x:pass\n" * 20_000),
        ("a.json", "[" * 500_000),
        ("a.json", '{"a":' * 100_000),
        ("a.toml", "a=" + "[" * 90_000),
        ("a.toml", "a." * 49_000 + "b=1"),
        ("a.yaml", "[" * 49_000),
        ("a.yaml", "- " * 24_000),
        ("a.yaml", "a: &a [x]\n" + "b: [*a, *a]\n" * 2000),
        ("a.py", "x = 1\n" * 1_000_000),
    ],
)
def test_hostile_nesting_and_size_end_in_an_answer(path: str, text: str) -> None:
    """In a thread, as in the server. Without bounds the dotted TOML key took more than four gigabytes."""
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(check_syntax, path, text).result(timeout=60) == ""


@given(st.sampled_from(["a.py", "a.json", "a.toml", "a.yaml", "a.md"]), st.text(max_size=200))
def test_any_text_gets_one_printable_line_or_none(path: str, text: str) -> None:
    found = check_syntax(path, text)
    assert found == "" or found.isprintable()
    assert len(found) <= 1000
