"""Unified diffs of two versions of the target, bounded in work and in length.

Up to two thousand changed lines the diff is a small one; beyond that, everything between the first and the last change
is shown as replaced, which is still a correct diff. What does not fit is cut, and the last line says so.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence

MAX_CHARS = 12_000
_CONTEXT = 3
_COMPARED_LINES = 2000

Opcode = tuple[str, int, int, int, int]


def unified_diff(old: str, new: str, path: str) -> str:
    """The difference in `diff -u` form with three lines of context; empty if there is none."""
    if old == new:
        return ""
    before, after = _lines(old), _lines(new)
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    start, keep = max(0, head - _CONTEXT), min(tail, _CONTEXT)
    window = (before[start : len(before) - tail + keep], after[start : len(after) - tail + keep])
    body = (line for group in _groups(*window, head - start, keep) for line in _hunk(group, *window, start))
    return _cut((f"--- a/{path}\n", f"+++ b/{path}\n", *body))


def _lines(text: str) -> list[str]:
    """Lines with their ends, as git counts them: only a line feed ends one."""
    *whole, rest = text.split("\n")
    return [*(line + "\n" for line in whole), *([rest] if rest else [])]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines at the beginning are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(one), len(other)))


def _groups(before: list[str], after: list[str], head: int, tail: int) -> Iterable[list[Opcode]]:
    if max(len(before), len(after)) <= _COMPARED_LINES:
        matcher = difflib.SequenceMatcher(None, before, after)
        return ([(*code,) for code in group] for group in matcher.get_grouped_opcodes(_CONTEXT))
    end, new_end = len(before) - tail, len(after) - tail
    return [
        [
            ("equal", 0, head, 0, head),
            ("replace", head, end, head, new_end),
            ("equal", end, len(before), new_end, len(after)),
        ]
    ]


def _hunk(group: list[Opcode], before: list[str], after: list[str], offset: int) -> Iterator[str]:
    _, first, _, new_first, _ = group[0]
    _, _, last, _, new_last = group[-1]
    yield f"@@ -{_range(first + offset, last + offset)} +{_range(new_first + offset, new_last + offset)} @@\n"
    for kind, start, end, new_start, new_end in group:
        if kind == "equal":
            yield from _marked(" ", before[start:end])
        else:
            yield from _marked("-", before[start:end])
            yield from _marked("+", after[new_start:new_end])


def _range(start: int, end: int) -> str:
    """Start and length as POSIX `diff -u` writes them: an empty range names the line before it."""
    length = end - start
    return f"{start + 1}" if length == 1 else f"{start + (length > 0)},{length}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _cut(lines: Sequence[str]) -> str:
    used = 0
    for index, line in enumerate(lines):
        used += len(line)
        if used > MAX_CHARS:
            return "".join(lines[:index]) + f"(cut: {len(lines) - index} more lines of the diff)\n"
    return "".join(lines)
