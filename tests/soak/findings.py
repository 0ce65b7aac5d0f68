"""What may be wrong after a fault, by the words of the report."""

from collections.abc import Iterable
from dataclasses import dataclass, field

LOST, DOUBLE, SURVIVORS, UNRESUMABLE, WRONG = "lost", "double", "survivors", "unresumable", "wrong"
COLUMNS = (LOST, DOUBLE, SURVIVORS, UNRESUMABLE, WRONG)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as promised: the column of the report, and a sentence."""

    column: str
    said: str


@dataclass(slots=True)
class Tally:
    """One kind of fault: how often it was tried, and what was found."""

    times: int = 0
    findings: list[Finding] = field(default_factory=list[Finding])

    def add(self, found: Iterable[Finding]) -> None:
        """Count one more, with what was found."""
        self.times += 1
        self.findings += found

    def count(self, column: str) -> int:
        """How many of one column were found."""
        return sum(finding.column == column for finding in self.findings)
