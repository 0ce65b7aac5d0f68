"""The witness: a process of the runner's own user that attacks aim at, and that says what reached it.

It holds the token in its environment, its memory, an open file without a name and its closed working folder; it
listens wherever a process can, counts what arrives, and does a little work of its own that a trial could watch
or hold up. Run as a script it needs the standard library alone; `Witness` is the host's handle to it.
"""

import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

_PATIENCE_MS = 10_000
_BEAT_SECONDS = 0.02
_ARRIVALS = ("tcp", "tcp6", "udp", "unix", "input", "datagram", "abstract", "vsock")
_SIGNALS = ("SIGUSR1", "SIGUSR2", "SIGTERM", "SIGCONT", "SIGHUP", "SIGINT", "SIGALRM", "SIGURG", "SIGWINCH", "SIGIO")


class Witness:
    """A running witness. `address` says where it is: ports, names, process id and start time; no secret."""

    def __init__(self, place: Path, mark: str, token: str, badge: str) -> None:
        """Start it.

        Args:
            place: Folder with `outside`, `input` and `closed`, where its files and sockets go.
            mark: Public name, for its abstract socket.
            token: The secret that it holds.
            badge: A word of its command line and of the files that it makes.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", __file__, str(place), mark, badge],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"WITNESS_TOKEN": token},
            cwd=place / "closed",
            start_new_session=True,
        )
        self.address: dict[str, Any] = {}

    def ready(self) -> None:
        """Wait until it listens; sets `address` and what it was at first, `before`."""
        self.address = self._answer()
        self.before = self.seen()

    def seen(self) -> dict[str, Any]:
        """Return its counts and its state.

        Counts: `tcp`, `tcp6`, `udp`, `unix`, `datagram`, `abstract`, `vsock`, `input` (the socket in the input), every
        signal by its name, `locked` and `leased` (work that was held up). State: `rlimits`, `nice`, `affinity`, and
        the `token` as its memory holds it now.

        Raises:
            TimeoutError: it is stopped or dead.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        return self._answer()

    def alive(self) -> bool:
        """Whether it still answers."""
        try:
            self.seen()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        poller = select.poll()
        poller.register(self._process.stdout, select.POLLIN)
        line = self._process.stdout.readline() if poller.poll(_PATIENCE_MS) else b""
        if not line:
            raise TimeoutError("the witness does not answer")
        return dict(json.loads(line))


def _main() -> NoReturn:
    place, mark, badge = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    counts: Counter[str] = Counter()
    for name in _SIGNALS:
        signal.signal(getattr(signal, name), lambda number, _: counts.update([signal.Signals(number).name]))
    secret = ctypes.create_string_buffer(os.environ["WITNESS_TOKEN"].encode())
    held = _held_file(place, secret.value)
    sockets, address = _sockets(place, mark)
    born = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    facts = {"pid": os.getpid(), "born": born, "held": held, "memory": [ctypes.addressof(secret), len(secret.value)]}
    _say(address | facts)
    while True:
        ready, _, _ = select.select([0, *(sock.fileno() for sock in sockets)], [], [], _BEAT_SECONDS)
        _beat(place, badge, counts)
        if 0 in ready:
            if not os.read(0, 1):
                sys.exit()
            _take(sockets, counts)
            _say(_state(counts, secret))
        else:
            _take(sockets, counts)


def _held_file(place: Path, secret: bytes) -> int:
    """Open a file that holds the secret and take its name away."""
    path = place / "closed" / "held"
    path.write_bytes(secret)
    descriptor = os.open(path, os.O_RDWR)
    path.unlink()
    return descriptor


def _sockets(place: Path, mark: str) -> tuple[dict[socket.socket, str], dict[str, Any]]:
    outside, entry = str(place / "outside" / "socket"), str(place / "input" / "socket")
    datagram = str(place / "outside" / "datagram")
    stream, packets, unix = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.AF_UNIX
    wanted: list[tuple[str, int, int, Any]] = [
        ("tcp", socket.AF_INET, stream, ("127.0.0.1", 0)),
        ("tcp6", socket.AF_INET6, stream, ("::1", 0)),
        ("udp", socket.AF_INET, packets, ("127.0.0.1", 0)),
        ("unix", unix, stream, outside),
        ("input", unix, stream, entry),
        ("datagram", unix, packets, datagram),
        ("abstract", unix, stream, f"\0{mark}"),
        ("vsock", socket.AF_VSOCK, stream, (socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY)),
    ]
    sockets: dict[socket.socket, str] = {}
    address: dict[str, Any] = {"unix": outside, "input_unix": entry, "datagram": datagram, "abstract": mark}
    for name, family, kind, where in wanted:
        try:
            sock = socket.socket(family, kind)
            sock.bind(where)
        except OSError:
            address[name] = 0
            continue
        if kind == stream:
            sock.listen(64)
        sock.setblocking(False)  # noqa: FBT003 - it takes no keyword
        sockets[sock] = name
        address.setdefault(name, sock.getsockname()[1])
    for path in (outside, entry, datagram):
        Path(path).chmod(0o777)
    return sockets, address


def _take(sockets: dict[socket.socket, str], counts: Counter[str]) -> None:
    """Count all that has arrived."""
    for sock, name in sockets.items():
        with suppress(BlockingIOError):
            while True:
                if sock.type == socket.SOCK_STREAM:
                    sock.accept()[0].close()
                else:
                    sock.recv(4096)
                counts[name] += 1


def _beat(place: Path, badge: str, counts: Counter[str]) -> None:
    """Work as any process does: make and remove a file, lock one, open one for writing."""
    path = place / "outside" / "watched" / f"{badge}-beat"
    with suppress(OSError):
        path.touch()
        path.unlink()
    for name, flags in (("lock", os.O_RDONLY), ("lease", os.O_WRONLY | os.O_NONBLOCK)):
        try:
            descriptor = os.open(place / "input" / name, flags)
        except BlockingIOError:
            counts["leased"] += 1
            continue
        except OSError:
            continue
        try:
            if name == "lock":
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            counts["locked"] += 1
        finally:
            os.close(descriptor)


def _state(counts: Counter[str], secret: "ctypes.Array[ctypes.c_char]") -> dict[str, Any]:
    kinds = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {
        **dict.fromkeys((*_ARRIVALS, *_SIGNALS, "locked", "leased"), 0),
        **counts,
        "rlimits": {name: resource.getrlimit(getattr(resource, name)) for name in kinds},
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "affinity": sorted(os.sched_getaffinity(0)),
        "token": secret.value.decode("ascii", "replace"),
    }


def _say(what: dict[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    _main()
