"""Faults of starting a client."""

from ...sandbox.errors import RefereeError


class ClientError(RefereeError):
    """A client cannot be started; the text says what to install or to change."""
