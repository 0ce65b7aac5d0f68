"""For how long a client has done nothing: the time since its last step forward, without that of trials and pauses."""


class Silence:
    """Seconds on a clock that its owner reads."""

    def __init__(self, now: float) -> None:
        self._since = self._looked = now

    def begin(self, now: float) -> None:
        """Something was done."""
        self._since = self._looked = now

    def look(self, now: float, *, resting: bool) -> float:
        """How long it lasts; the time since the last look does not count if a trial ran or the person paused."""
        if resting:
            self._since += now - self._looked
        self._looked = now
        return now - self._since
