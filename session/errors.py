"""Faults of programs, repositories and sessions; the root of the tree is `sandbox.errors`."""

from ..sandbox.errors import RefereeError


class ProgramError(RefereeError):
    """`program.md` is not valid; the text lists every fault, one a line."""


class RepositoryError(RefereeError):
    """The repository cannot carry a session, or refuses an operation."""


class JournalError(RefereeError):
    """The journal is damaged, or held by another process."""


class RefusedError(RefereeError):
    """A call that the rules do not allow now; the text says what is wrong and which call comes next."""


class PausedError(RefusedError):
    """A trial may not begin, because the person has paused the session."""
