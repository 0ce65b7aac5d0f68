"""The trial's log: its first part live while it runs, its last part at the end, never more than the cap."""

import os

_REDACTED = b"[secret]"
_MARK = "\n[referee: {count} bytes left out here]\n"


class Log:
    """A capped log file; the folder is Referee's own, a link in its place is not followed."""

    def __init__(self, path: str, cap: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o644)
        self._room = cap // 2
        self._tail_cap = cap - cap // 2
        self._tail = bytearray()
        self._later = 0

    def add(self, data: bytes) -> None:
        """Take output in the order in which it was read."""
        head, rest = data[: self._room], data[self._room :]
        if head:
            self._write(head)
            self._room -= len(head)
        self._later += len(rest)
        self._tail += rest
        del self._tail[: max(0, len(self._tail) - self._tail_cap)]

    def close(self) -> None:
        """Write the last part, after a mark that says how much is missing before it."""
        left_out = self._later - len(self._tail)
        mark = _MARK.format(count=left_out).encode("ascii") if left_out else b""
        self._write(mark + bytes(self._tail))
        os.close(self._file)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._file, data) :]


def redact(path: str, secrets: tuple[str, ...]) -> None:
    """Replace every secret in a log that is complete; a log that was never begun is left alone."""
    if not secrets or not os.path.exists(path):
        return
    with open(path, "r+b") as file:
        data = file.read()
        for secret in sorted(secrets, key=len, reverse=True):
            data = data.replace(secret.encode("utf-8", "surrogateescape"), _REDACTED)
        file.seek(0)
        file.write(data)
        file.truncate()
