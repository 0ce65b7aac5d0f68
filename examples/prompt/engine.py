"""Frozen: reads the rules of prompt.md and routes a message by them.

A rule is `- POINTS: TERMS`. TERMS are words or phrases joined by ` & `, all of which must occur; `!` before a term
means that it must not; `*` after one lets the last word go on (`crash*` is in "crashes"). Points may be negative.
"""

import re
from dataclasses import dataclass

DESKS = ("billing", "delivery", "returns", "account", "technical", "other")
MAX_CHARACTERS = 3_000
MAX_RULES = 80
MAX_TERM = 30
RULE = re.compile(r"- (?P<points>-?[1-9]): (?P<terms>\S.*)", re.ASCII)
DEFAULT = re.compile(r"default: (?P<desk>\w+)", re.ASCII)
TERM = re.compile(rf"!?[a-z0-9' -]{{1,{MAX_TERM}}}\*?", re.ASCII)
OTHER_WORDS = re.compile(r"[^a-z0-9'-]+")


class PromptError(ValueError):
    """The prompt breaks the format; the text says where and what was expected."""


@dataclass(frozen=True)
class Rule:
    """`points` for `desk` where every term holds."""

    desk: str
    points: int
    terms: tuple[str, ...]

    def holds(self, message: str) -> bool:
        return all(_occurs(term, message) for term in self.terms)


@dataclass(frozen=True)
class Prompt:
    """The rules in their order, the desks in theirs, and the desk of a message without points."""

    rules: tuple[Rule, ...]
    desks: tuple[str, ...]
    default: str

    def route(self, message: str) -> str:
        """Return the desk of `message`."""
        words = f" {OTHER_WORDS.sub(' ', message.lower()).strip()} "
        points = dict.fromkeys(self.desks, 0)
        for rule in self.rules:
            if rule.holds(words):
                points[rule.desk] += rule.points
        best = max(points, key=points.__getitem__, default=self.default)
        return best if points.get(best, 0) > 0 else self.default


def _occurs(term: str, words: str) -> bool:
    wanted = term.removeprefix("!")
    found = f" {wanted[:-1]}" in words if wanted.endswith("*") else f" {wanted} " in words
    return found is not term.startswith("!")


def _rule(desk: str, line: str, number: int) -> Rule:
    found = RULE.fullmatch(line)
    terms = tuple(found["terms"].split(" & ")) if found else ()
    if not found or not all(TERM.fullmatch(term) for term in terms):
        raise PromptError(f"line {number}: found {line[:60]!r}, expected a rule such as '- 2: late & !refund*'")
    return Rule(desk, int(found["points"]), terms)


def parse(text: str) -> Prompt:
    """Return the prompt; raises PromptError where a section names no desk, a rule breaks the form, or it is long."""
    rules: list[Rule] = []
    desks: list[str] = []
    default = "other"
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("## "):
            desks.append(_desk(line.removeprefix("## ").strip(), number))
        elif found := DEFAULT.fullmatch(line):
            default = _desk(found["desk"], number)
        elif line.startswith("- "):
            rules.append(_rule(_section(desks, number), line, number))
    if len(text) > MAX_CHARACTERS or len(rules) > MAX_RULES:
        raise PromptError(
            f"found {len(text)} characters and {len(rules)} rules, expected at most {MAX_CHARACTERS} and {MAX_RULES}"
        )
    return Prompt(tuple(rules), tuple(desks), default)


def _section(desks: list[str], number: int) -> str:
    if not desks:
        raise PromptError(f"line {number}: found a rule above the first section, expected '## desk' before it")
    return desks[-1]


def _desk(name: str, number: int) -> str:
    if name not in DESKS:
        raise PromptError(f"line {number}: found the desk {name!r}, expected one of: {', '.join(DESKS)}")
    return name
