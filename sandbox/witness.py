"""What stands outside for the canary trial to attack, and what the host itself sees of the attacks afterwards.

Guarantee: a file, a connection, shared memory or a queue counts as reached or left behind if it is found here,
whatever the trial says of it; and all of it is removed.
"""

import os
import secrets
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from . import kernel
from .held import content

MODE = 0o644
_LONGEST = 107 - len("/referee-probe-12345678/outside/socket")
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - this very place is watched


@dataclass(slots=True)
class Outside:
    """The things to attack; `token` and `key` are the names under which a trial may leave something.

    Attributes:
        folder: Open to every user; holds a file `private` with mode `MODE`, and the Unix socket `socket`.
        token: Name of a file in shared memory, of a message queue, of a key.
        key: Number of a System V segment.
    """

    folder: Path
    tcp: socket.socket
    udp: socket.socket
    unix: socket.socket
    token: str
    key: int

    def witnessed(self) -> dict[str, bool]:
        """Return which attacks left a trace here, and remove it."""
        shared = Path(_SHARED_MEMORY, self.token)
        seen = {
            "wrote_outside": (self.folder / "written").exists(),
            "changed_mode_outside": (self.folder / "private").stat().st_mode & 0o777 != MODE,
            "reached_tcp": _arrived(self.tcp),
            "reached_udp": _arrived(self.udp),
            "reached_unix": _arrived(self.unix),
            "left_shared_memory": shared.exists(),
            "left_system_v": any(map(_removed, _segments(self.key))),
            "left_queue": kernel.remove_queue(self.token),
        }
        shared.unlink(missing_ok=True)
        return seen


def _arrived(sock: socket.socket) -> bool:
    try:
        if sock.type == socket.SOCK_STREAM:
            sock.accept()[0].close()
        else:
            sock.recv(16)
    except BlockingIOError:
        return False
    return True


def _segments(key: int) -> list[int]:
    """Return the numbers of the shared memory segments with a key; see sysvipc(7)."""
    with suppress(FileNotFoundError):
        lines = [line.split() for line in content("/proc/sysvipc/shm").decode("ascii").splitlines()[1:]]
        return [int(line[1]) for line in lines if int(line[0]) == key]
    return []


def _removed(segment: int) -> bool:
    with suppress(OSError):
        kernel.remove_segment(segment)
    return True


def _short_enough(folder: str) -> str:
    """A folder below which a socket can have a name: the kernel takes 107 bytes of a path, whatever `TMPDIR` says."""
    return folder if len(os.fsencode(folder)) <= _LONGEST else "/tmp"  # noqa: S108 - made there with a name nobody knows


@contextmanager
def outside() -> Generator[tuple[Outside, Path]]:
    """Yield something to attack and an empty folder for the trial, and remove both."""
    with tempfile.TemporaryDirectory(prefix="referee-probe-", dir=_short_enough(tempfile.gettempdir())) as name:
        top = Path(name)
        top.chmod(0o755)
        folder = top / "outside"
        folder.mkdir()
        folder.chmod(0o777)
        (folder / "private").write_text("private", encoding="ascii")
        (folder / "private").chmod(MODE)
        with (
            socket.socket() as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_UNIX) as unix,
        ):
            tcp.bind(("127.0.0.1", 0))
            udp.bind(("127.0.0.1", 0))
            unix.bind(str(folder / "socket"))
            (folder / "socket").chmod(0o777)
            for sock in (tcp, unix):
                sock.listen(1)
            for sock in (tcp, udp, unix):
                sock.settimeout(0)
            token = f"referee-probe-{secrets.token_hex(8)}"
            target = Outside(folder, tcp, udp, unix, token, 1 + secrets.randbelow(0x7FFF_FFFE))
            try:
                yield target, top
            finally:
                # Nobody may have asked, if the trial came to no good end.
                target.witnessed()
