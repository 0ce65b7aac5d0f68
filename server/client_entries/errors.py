"""Faults of changing a client's configuration."""

from ...sandbox.errors import RefereeError


class EntryError(RefereeError):
    """A client's configuration stays as it is; the text says where, why, and what to do."""
