import contextlib
import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.session.diffs import MAX_CHARS
from referee.session.edits import (
    MAX_BYTES,
    MAX_EDITS,
    Edit,
    EditError,
    apply_edits,
    encode,
    sha256,
    unified_diff,
    validate_text,
)
from referee.session.errors import RefusedError


def refused(text: str, *edits: tuple[str, str]) -> str:
    with pytest.raises(EditError) as fault:
        apply_edits(text, [Edit(*edit) for edit in edits])
    return str(fault.value)


def test_edits_apply_one_after_the_other_each_on_the_result_of_the_one_before() -> None:
    assert apply_edits("a = 1\n", [Edit("a = 1", "b = 2"), Edit("b = 2", "c = 3")]) == "c = 3\n"
    assert apply_edits("a\nb\n", [Edit("a", "longer"), Edit("b", "c")]) == "longer\nc\n"


def test_an_old_text_that_matches_several_places_names_their_lines() -> None:
    text = "".join("lr = 1\n" if line in {14, 88, 131} else f"line {line}\n" for line in range(1, 140))
    assert refused(text, ("line 1\n", "x\n"), ("lr = 1", "lr = 2")) == (
        "old_text of edit 2 matches 3 places (lines 14, 88, 131). Give more context, so that it matches one."
    )


def test_overlapping_places_count() -> None:
    """`str.count` and `str.replace` see one place here."""
    assert refused("xaaax", ("aa", "b")).startswith("old_text of edit 1 matches 2 places (line 1).")


def test_very_many_places_are_counted_only_so_far() -> None:
    """Counting them all would take hours: each of half a million comparisons is half a million characters long."""
    assert "matches more than 50 places (line 1)" in refused("a" * 1_000_000, ("a" * 500_000, "b"))


@pytest.mark.parametrize(
    ("text", "old", "hint"),
    [
        ("import x\nlearning_rate = 0.1\n", "learning_rat = 0.1", "The nearest line is 2: 'learning_rate = 0.1'."),
        (
            "def f():\n    return 1\n",
            "def f():\n  return 1",
            "It would match line 1 but for spaces, tabs or line breaks.",
        ),
        ("a\r\nb\nc", "a\nb", "It would match line 1 but for the line endings."),
        ("a\nb\n", "something else", "Nothing like it is there; read the target again."),
        ("\n", " \t", "Nothing like it is there; read the target again."),
        ("x\x1b[31mred = 1\n", "x\x1b[31mred = 2", "The nearest line is 1: 'x\\x1b[31mred = 1'."),
    ],
)
def test_an_old_text_that_matches_nothing_gets_a_hint(text: str, old: str, hint: str) -> None:
    assert refused(text, (old, "new")).startswith(f"old_text of edit 1 matches nothing. {hint}")


def test_a_place_that_an_earlier_edit_changed_is_explained() -> None:
    assert "An earlier edit of this call changed that place" in refused("a = 1\n", ("a = 1", "b"), ("a = 1", "c"))


def test_an_empty_old_text_is_refused() -> None:
    assert refused("", ("", "x")).startswith("old_text of edit 1 is empty.")


@pytest.mark.parametrize("edits", [(("a", "a"),), (("a", "b"), ("b", "a"))])
def test_edits_that_change_nothing_are_refused(edits: tuple[tuple[str, str], ...]) -> None:
    assert refused("a\n", *edits)


@pytest.mark.parametrize("number", [0, MAX_EDITS + 1])
def test_no_edits_or_too_many_are_refused(number: int) -> None:
    assert refused("a", *[("a", "b")] * number) == f"found {number} edits, expected 1 to {MAX_EDITS}"


def test_a_fault_is_one_that_the_agent_can_mend() -> None:
    assert issubclass(EditError, RefusedError)


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        ("one\ntwo", "1\n2\n3", "1\r\n2\r\n3\r\nthree\r\n"),
        ("one\r\ntwo", "1\r\n2", "1\r\n2\r\nthree\r\n"),
        ("three", "3\n4", "one\r\ntwo\r\n3\r\n4\r\n"),
    ],
)
def test_a_text_with_windows_line_ends_keeps_them(old: str, new: str, result: str) -> None:
    assert apply_edits("one\r\ntwo\r\nthree\r\n", [Edit(old, new)]) == result


@pytest.mark.parametrize("text", ["one\ntwo\r\nx", "one\r\ntwo\rx", "one\ntwo\nx"])
def test_a_text_with_mixed_line_ends_is_matched_to_the_byte(text: str) -> None:
    assert apply_edits(text, [Edit("x", "y\nz")]) == text[:-1] + "y\nz"


@pytest.mark.parametrize("text", ["\ufeffa = 1\r\n", "a = 1", "a = 1\n\n\n", "\ta = 1 \x0c\n", "a = 1\u2028é"])
def test_mark_line_ends_and_final_newline_stay(text: str) -> None:
    assert encode(apply_edits(text, [Edit("a = 1", "a = 2")])) == encode(text).replace(b"1", b"2")


@pytest.mark.parametrize(
    ("new", "part"),
    [
        ("b\nc\0", "line 2 holds a NUL character"),
        ("\ud800", "line 1 holds half of a surrogate pair"),
        ("é" * 500_001, "the text has 1,000,002 bytes, expected at most 1,000,000"),
    ],
)
def test_a_result_that_cannot_be_stored_is_refused(new: str, part: str) -> None:
    assert part in refused("a", ("a", new))
    with pytest.raises(EditError, match=part):
        validate_text(new)


def test_a_text_of_exactly_the_largest_size_is_stored() -> None:
    validate_text("a" * MAX_BYTES)


def test_the_hash_is_that_of_the_bytes() -> None:
    assert sha256("é\r\n") == hashlib.sha256(b"\xc3\xa9\r\n").hexdigest()


TEXTS = st.text(st.sampled_from("ab \n\r\t\ufeffé"), max_size=40)


@given(TEXTS, TEXTS, TEXTS)
def test_replacing_a_unique_marker_is_str_replace(before: str, after: str, new: str) -> None:
    """Line ends of the new text aside, where the whole text uses CRLF: the test above covers those."""
    text = f"{before}<marker>{after}"
    expected = text.replace("<marker>", new.replace("\n", ""))
    assert apply_edits(text, [Edit("<marker>", new.replace("\n", ""))]) == expected


@given(TEXTS, TEXTS, st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10))
def test_bytes_outside_of_the_place_stay(before: str, after: str, new: str) -> None:
    found = encode(apply_edits(f"{before}<marker>{after}", [Edit("<marker>", new)]))
    assert found.startswith(before.encode())
    assert found.endswith(after.encode())


@given(TEXTS, st.lists(st.builds(Edit, TEXTS, TEXTS), max_size=4))
def test_a_result_differs_or_the_call_is_refused(text: str, edits: list[Edit]) -> None:
    with contextlib.suppress(EditError):
        assert apply_edits(text, edits) != text


@given(TEXTS, TEXTS)
def test_only_a_single_place_is_ever_replaced(text: str, old: str) -> None:
    exact = old.replace("\n", "\r\n") if "\r" in text and "\r" not in old else old
    places = [start for start in range(len(text)) if text.startswith(exact, start)]
    try:
        apply_edits(text, [Edit(old, "<new>")])
    except EditError:
        return
    assert len(places) == 1 or text.count(old) == 1


def test_the_diff_is_the_one_people_know() -> None:
    old = "".join(f"{line}\n" for line in range(1, 12))
    assert unified_diff(old, old.replace("6\n", "six\n").replace("11\n", "11"), "a b.py") == (
        "--- a/a b.py\n+++ b/a b.py\n"
        "@@ -3,9 +3,9 @@\n 3\n 4\n 5\n-6\n+six\n 7\n 8\n 9\n 10\n-11\n+11\n\\ No newline at end of file\n"
    )
    assert unified_diff(old, old, "t.py") == ""
    assert unified_diff("", "a\n", "t.py") == "--- a/t.py\n+++ b/t.py\n@@ -0,0 +1 @@\n+a\n"


LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "\x0c\n", "\n"]), max_size=30).map("".join)
ENDS = st.sampled_from(["", "end"])


@given(LINES, LINES, ENDS, ENDS)
def test_the_diff_leads_from_one_text_to_the_other(old: str, new: str, old_end: str, new_end: str) -> None:
    """Replayed here, because a process for each example would be slow; git itself is asked below."""
    old, new = old + old_end, new + new_end
    assert replay(old, unified_diff(old, new, "t.py")) == new


def test_git_itself_applies_the_diff(tmp_path: Path) -> None:
    old = "".join(f"{number % 7}\n" for number in range(100))
    new = "start\n" + old.replace("3\n", "", 2) + "end"
    (tmp_path / "t.py").write_text(old, encoding="utf-8")
    diff = unified_diff(old, new, "t.py").encode()
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=diff, check=True)
    assert (tmp_path / "t.py").read_text(encoding="utf-8") == new


def test_thousands_of_changed_lines_still_give_a_correct_diff() -> None:
    """Above the bound of work, with short lines so that nothing is cut."""
    old = "1\n2\n3\n4\nfirst" + "\n" * 2100 + "last\n5\n6\n7\n8\n"
    new = old.replace("first", "FIRST").replace("last", "LAST\nmore")
    diff = unified_diff(old, new, "t.py")
    assert diff.startswith("--- a/t.py\n+++ b/t.py\n@@ -2,2107 +2,2108 @@\n 2\n 3\n 4\n-first\n-\n-\n")
    assert len(diff) < MAX_CHARS
    assert replay(old, diff) == new


@pytest.mark.parametrize(("old", "new"), [("x\n" * 400_000, "y\n" * 400_000), ("x" * 900_000, "y" * 900_000)])
def test_a_long_diff_is_cut_and_says_so(old: str, new: str) -> None:
    diff = unified_diff(old, new, "t.py")
    assert len(diff) < MAX_CHARS + 100
    assert diff.splitlines()[-1].startswith("(cut: ")


def replay(old: str, diff: str) -> str:
    """Apply a unified diff as `patch` does, without any tolerance."""
    source = old.split("\n")
    source = [line + "\n" for line in source[:-1]] + ([source[-1]] if source[-1] else [])
    lines = diff.replace("\n\\ No newline at end of file\n", "\\\n").split("\n")[2:-1]
    result: list[str] = []
    position = 0
    for line in lines:
        mark, text = line[:1], line[1:] + "\n"
        text = text.removesuffix("\\\n") if text.endswith("\\\n") else text
        if mark == "@":
            start, _, length = line.split()[1][1:].partition(",")
            begin = int(start) - (length != "0")
            result += source[position:begin]
            position = begin
        elif mark == "+":
            result.append(text)
        else:
            assert source[position] == text
            position += 1
            result += [text] if mark == " " else []
    return "".join(result + source[position:])
