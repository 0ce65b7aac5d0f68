"""Try a backend for real: one small trial that attempts what a trial must not be able to do.

Guarantee: a protection that is called enforced was attacked a moment ago, from inside, and held; where the
attack leaves a trace on the outside (a file, a packet, a connection), the trace decides, not the attacker's word.
"""

import os
import socket
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .scratch import reachable
from .spec import Level, Limits, Measurement, TrialSpec

NAMES = (
    "wrote_outside", "changed_mode_outside", "read_private", "reached_tcp", "reached_udp", "reached_unix",
    "saw_server", "signalled_server", "read_server_environment", "had_privileges", "saw_secret_variable",
)  # fmt: skip
_SECONDS = 20.0
_MODE = 0o644
_OTHER_PYTHON = "/usr/bin/python3"

# Runs inside. Every attempt is a line `name: 0` (refused) or `name: 1` (it worked).
_CODE = """
import os, socket, sys

outside, tcp, udp, server, born = sys.argv[1], *map(int, sys.argv[2:])

def the_server():
    # The same number may be another process here.
    if int(open(f"/proc/{server}/stat").read().rpartition(")")[2].split()[19]) != born:
        raise ProcessLookupError
    return server

def connect(family, kind, address):
    with socket.socket(family, kind) as sock:
        sock.settimeout(2)
        sock.connect(address)
        sock.send(b"x")

def privileges():
    status = open("/proc/self/status").read()
    if int(status.split("CapEff:")[1].split()[0], 16) or os.getuid() == 0:
        return
    open("/proc/sys/kernel/core_pattern", "a").close()

attempts = {
    "wrote_outside": lambda: open(outside + "/written", "w").close(),
    "changed_mode_outside": lambda: os.chmod(outside + "/private", 0o600),
    "read_private": lambda: open(outside + "/private").read(),
    "reached_tcp": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", tcp)),
    "reached_udp": lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", udp)),
    "reached_unix": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, outside + "/socket"),
    "saw_server": the_server,
    "signalled_server": lambda: os.kill(the_server(), 0),
    "read_server_environment": lambda: open(f"/proc/{the_server()}/environ").read(),
    "had_privileges": privileges,
    "saw_secret_variable": lambda: os.environ["REFEREE_PROBE_SECRET"],
}
for name, attempt in attempts.items():
    try:
        attempt()
    except (OSError, KeyError):
        print(f"{name}: 0")
    else:
        print(f"{name}: 1")
"""


@dataclass(slots=True)
class Outside:
    """What stands outside for the trial to attack, and what it saw."""

    folder: Path
    tcp: socket.socket
    udp: socket.socket
    unix: socket.socket

    def witnessed(self) -> dict[str, bool]:
        """Return which attacks left a trace here."""
        return {
            "wrote_outside": (self.folder / "written").exists(),
            "changed_mode_outside": (self.folder / "private").stat().st_mode & 0o777 != _MODE,
            "reached_tcp": _arrived(self.tcp),
            "reached_udp": _arrived(self.udp),
            "reached_unix": _arrived(self.unix),
        }


def _arrived(sock: socket.socket) -> bool:
    try:
        if sock.type == socket.SOCK_STREAM:
            sock.accept()[0].close()
        else:
            sock.recv(16)
    except BlockingIOError:
        return False
    return True


@contextmanager
def outside() -> Generator[tuple[Outside, Path]]:
    """Yield something to attack and an empty folder for the trial, and remove both."""
    with tempfile.TemporaryDirectory(prefix="referee-probe-") as name:
        top = Path(name)
        top.chmod(0o755)
        folder = top / "outside"
        folder.mkdir()
        folder.chmod(0o777)
        (folder / "private").write_text("private", encoding="ascii")
        (folder / "private").chmod(_MODE)
        with (
            socket.socket() as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_UNIX) as unix,
        ):
            tcp.bind(("127.0.0.1", 0))
            udp.bind(("127.0.0.1", 0))
            unix.bind(str(folder / "socket"))
            for sock in (tcp, unix):
                sock.listen(1)
            for sock in (tcp, udp, unix):
                sock.settimeout(0)
            yield Outside(folder, tcp, udp, unix), top


def specification(target: Outside, top: Path) -> TrialSpec:
    """Return the trial that attacks `target`; its files lie in `top`."""
    python, readable = interpreter()
    for name in ("snapshot", "project"):
        (top / name).mkdir(exist_ok=True)
        (top / name).chmod(0o777)
    ports = (str(target.tcp.getsockname()[1]), str(target.udp.getsockname()[1]))
    return TrialSpec(
        snapshot=str(top / "snapshot"),
        root=str(top / "project"),
        cwd=str(top / "project"),
        target="probe.py",
        target_text=_CODE,
        target_mode=0o644,
        argv=(python, "-I", "-S", "-B", "probe.py", str(target.folder), *ports, str(os.getpid()), str(_born())),
        env={},
        readable=readable,
        network=False,
        minimum=Level.NONE,
        limits=Limits(wall_seconds=_SECONDS),
        metrics=NAMES,
        scratch=str(top / "scratch"),
        log=str(top / "log"),
    )


def _born() -> int:
    """Return when this process started, in clock ticks: with its number it names it for good."""
    return int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])


def interpreter() -> tuple[str, tuple[str, ...]]:
    """Return a Python that any user can start, and what must be readable for it."""
    own = os.path.realpath(sys.executable)
    if os.geteuid() == 0 and not reachable(own) and Path(_OTHER_PYTHON).is_file():
        return _OTHER_PYTHON, ()
    return own, (os.path.realpath(sys.base_prefix),)


def holes(target: Outside, run: Measurement) -> frozenset[str]:
    """Return the attacks that worked, by the word of the outside where it has one."""
    seen = {name: run.metrics[name] != 0 for name in NAMES} | target.witnessed()
    return frozenset(name for name, worked in seen.items() if worked)
