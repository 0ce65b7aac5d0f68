"""The message of a trial's commit: the description as subject, what was measured as trailers."""

from .opened import Opened
from .results import number


def message(
    opened: Opened, trial: int, description: str, metrics: dict[str, float], verdict: str, head: str, agent: str
) -> str:
    """A commit message whose last paragraph is the trailers; nothing in the description can add one.

    Args:
        description: One line without control characters.
        metrics: The contract's metrics; empty for a crash.
        head: Head of the journal before this measurement was recorded.
        agent: Name and version of the client, one line.
    """
    trailers = [
        f"Referee-Session: {opened.tag}",
        f"Referee-Trial: {trial}",
        *(f"Referee-Metric: {name}={number(value)}" for name, value in metrics.items()),
        f"Referee-Verdict: {verdict}",
        f"Referee-Integrity: {opened.integrity}",
        f"Referee-Journal: {head}",
        *([f"Referee-Agent: {agent}"] if agent else []),
    ]
    return f"{description}\n\n" + "\n".join(trailers) + "\n"
