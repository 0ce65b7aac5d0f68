"""Change a text by exact replacements: each `old_text` must match exactly one place, all or nothing.

Guaranteed: outside of the replaced places every byte stays as it was, byte order mark, line endings and final newline
included; the result is UTF-8 without NUL, at most 1 MB. One convenience: in a text whose line endings are all CRLF,
an edit written with LF matches and writes CRLF. Work is bounded: a few seconds at worst, whatever the texts are.
"""

import difflib
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .diffs import unified_diff
from .errors import RefusedError
from .wording import clean

__all__ = ["Edit", "EditError", "apply_edits", "encode", "sha256", "unified_diff", "validate_text"]

MAX_BYTES = 1_000_000
MAX_EDITS = 100
_MANY = 50
_SHOWN_LINES = 10
_LINE_CHARS = 120
_COMPARED_LINES = 2000
_NEAR = 0.6


class EditError(RefusedError):
    """The edits cannot be applied, or the text cannot be stored; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the one place that reads `old_text` by `new_text`."""

    old_text: str
    new_text: str


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """The text after all edits, each applied to the result of the one before; raises EditError and changes nothing."""
    if not 0 < len(edits) <= MAX_EDITS:
        raise EditError(f"found {len(edits)} edits, expected 1 to {MAX_EDITS}")
    crlf = "\r" in text and _only_crlf(text)
    result = text
    for number, edit in enumerate(edits, 1):
        exact = Edit(_to_crlf(edit.old_text), _to_crlf(edit.new_text)) if crlf else edit
        start = _place(result, exact, number, text)
        result = result[:start] + exact.new_text + result[start + len(exact.old_text) :]
        validate_text(result)
    if result == text:
        raise EditError("the edits together change nothing")
    return result


def validate_text(text: str) -> None:
    """Raise EditError unless the text can be stored: valid Unicode, no NUL, at most 1 MB in UTF-8."""
    encode(text)


def encode(text: str) -> bytes:
    """The bytes of a text that can be stored; raises EditError as `validate_text` does."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as fault:
        raise EditError(f"line {_line(text, fault.start)} holds half of a surrogate pair, expected Unicode") from None
    if "\0" in text:
        raise EditError(f"line {_line(text, text.index(chr(0)))} holds a NUL character, expected text")
    if len(data) > MAX_BYTES:
        raise EditError(f"the text has {len(data):,} bytes, expected at most {MAX_BYTES:,}")
    return data


def sha256(text: str) -> str:
    """SHA-256 (hex) of the text's bytes."""
    return hashlib.sha256(encode(text)).hexdigest()


def _only_crlf(text: str) -> bool:
    return text.count("\r") == text.count("\n") == text.count("\r\n")


def _to_crlf(text: str) -> str:
    return text if "\r" in text else text.replace("\n", "\r\n")


def _place(text: str, edit: Edit, number: int, original: str) -> int:
    if not edit.old_text:
        raise EditError(f"old_text of edit {number} is empty. Quote the text to replace, or give the whole as content.")
    if edit.old_text == edit.new_text:
        raise EditError(f"old_text and new_text of edit {number} are the same. Leave this edit out.")
    places = list(itertools.islice(_matches(text, edit.old_text), _MANY + 1))
    if not places:
        raise EditError(f"old_text of edit {number} matches nothing. {_hint(text, edit.old_text, original)}")
    if len(places) > 1:
        raise EditError(
            f"old_text of edit {number} matches {_count(text, places)}. Give more context, so that it matches one."
        )
    return places[0]


def _matches(text: str, part: str) -> Iterator[int]:
    """Where `part` begins in `text`, overlapping places included."""
    start = text.find(part)
    while start >= 0:
        yield start
        start = text.find(part, start + 1)


def _count(text: str, places: list[int]) -> str:
    number = f"{len(places)} places" if len(places) <= _MANY else f"more than {_MANY} places"
    lines = list(dict.fromkeys(_line(text, place) for place in places))
    shown = ", ".join(map(str, lines[:_SHOWN_LINES])) + (", …" if len(lines) > _SHOWN_LINES else "")
    return f"{number} ({'line' if len(lines) == 1 else 'lines'} {shown})"


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _hint(text: str, part: str, original: str) -> str:
    """What may have been meant: text that an earlier edit changed, other line endings, other blanks, a near line."""
    if part in original:
        return "An earlier edit of this call changed that place: edits apply one after the other."
    if _to_lf(part) in _to_lf(text):
        return f"It would match line {_line(_to_lf(text), _to_lf(text).index(_to_lf(part)))} but for the line endings."
    if line := _line_without_blanks(text, part):
        return f"It would match line {line} but for spaces, tabs or line breaks. Quote it as it stands there."
    if near := _nearest(text, part):
        return (
            f"The nearest line is {near[0]}: '{clean(near[1], _LINE_CHARS)}'. Quote it exactly as read_target shows it."
        )
    return "Nothing like it is there; read the target again."


def _to_lf(text: str) -> str:
    return text.replace("\r\n", "\n")


def _line_without_blanks(text: str, part: str) -> int:
    wanted = "".join(part.split())
    lines = ["".join(line.split()) for line in text.split("\n")]
    place = "".join(lines).find(wanted)
    if not wanted or place < 0:
        return 0
    ends = itertools.accumulate(map(len, lines))
    return next(number for number, end in enumerate(ends, 1) if end > place)


def _nearest(text: str, part: str) -> tuple[int, str] | None:
    """The line most like the first line of `part`; among the first few thousand different lines."""
    wanted = next((line.strip() for line in part.split("\n") if line.strip()), "")[:_LINE_CHARS]
    first: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and len(first) < _COMPARED_LINES:
            first.setdefault(line.strip()[:_LINE_CHARS], number)
    matcher = difflib.SequenceMatcher(b=wanted, autojunk=False)
    best = ""
    best_ratio = _NEAR
    for line in first:
        matcher.set_seq1(line)
        if matcher.real_quick_ratio() > best_ratio and matcher.quick_ratio() > best_ratio:
            ratio = matcher.ratio()
            best, best_ratio = (line, ratio) if ratio > best_ratio else (best, best_ratio)
    return (first[best], best) if best else None
