"""What a check of a session's record found."""

from dataclasses import dataclass, field

# What parsing or folding a record raises when somebody wrote it who did not know, or did not want, its form.
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


@dataclass(slots=True)
class Check:
    """One check: what it looked at, what it found wrong, and what it could not look at.

    Attributes:
        name: One word, such as `commits`.
        covers: What was looked at, for a person.
        findings: One sentence each, with the line, trial, ref or file that it is about.
        unchecked: Why something could not be checked; empty if everything was.
    """

    name: str
    covers: str = ""
    findings: list[str] = field(default_factory=list[str])
    unchecked: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def shown(text: object, limit: int = 120) -> str:
    """What somebody else wrote, quoted on one line of bounded length."""
    quoted = ascii(text) if not str(text).isprintable() else repr(text)
    return quoted if len(quoted) <= limit else f"{quoted[:limit]}…"
