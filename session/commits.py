"""The message of a trial's commit: the description as subject, what was measured as trailers."""

from collections.abc import Iterable, Mapping

from .errors import RepositoryError
from .opened import Opened
from .results import number
from .session import Session
from .state import Trial


def message(
    opened: Opened,
    trial: int,
    description: str,
    metrics: dict[str, float],
    verdict: str,
    *,
    head: str,
    agent: str,
    artifacts: Iterable[str] = (),
) -> str:
    """A commit message whose last paragraph is the trailers; nothing in the description can add one.

    Args:
        description: One line without control characters.
        metrics: The contract's metrics; empty for a crash.
        head: Head of the journal before this measurement was recorded.
        agent: Name and version of the client, one line.
        artifacts: What it left that may be retained: SHA-256 and path, one line each.
    """
    trailers = [
        f"Referee-Session: {opened.tag}",
        f"Referee-Trial: {trial}",
        *(f"Referee-Metric: {name}={number(value)}" for name, value in metrics.items()),
        *(f"Referee-Artifact: {artifact}" for artifact in artifacts),
        f"Referee-Verdict: {verdict}",
        f"Referee-Integrity: {opened.integrity}",
        f"Referee-Journal: {head}",
        *([f"Referee-Agent: {agent}"] if agent else []),
    ]
    return f"{description}\n\n" + "\n".join(trailers) + "\n"


def write(
    session: Session, trial: Trial, metrics: Mapping[str, float], verdict: str, artifacts: Iterable[str] = ()
) -> str:
    """Write the commit of a trial, dated as the last record of the journal, and return its id; the baseline has one."""
    opened, journal = session.state.opened, session.journal
    if trial.number == 0:
        return opened.base
    text = message(
        opened,
        trial.number,
        trial.description,
        dict(metrics),
        verdict,
        head=journal.head,
        agent=session.agent,
        artifacts=artifacts,
    )
    when = int(session.state.last.utc) if session.state.last else 0
    git = session.project.git
    try:
        return git.write_commit(trial.tree, trial.parent, text, when)
    except RepositoryError:  # the person's git may have collected the tree before a ref held it
        session.project.repository.with_target(session.base, session.target, trial.blob)
        return git.write_commit(trial.tree, trial.parent, text, when)
