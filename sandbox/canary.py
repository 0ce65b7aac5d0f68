"""The target of the canary trial: attempts what no trial may be able to do, one thing after the other.

Nothing imports it: its text runs inside, perhaps in an older Python than Referee's. Its argument is a JSON object, see
`probe.specification`. For each attempt it prints `name: 0` (refused), `name: 1` (it worked) or `name: 2` (it could not
be tried here). An attempt that works changes nothing of the machine, or leaves something that the host then removes.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

TOLD: dict[str, Any] = json.loads(sys.argv[1])
OUTSIDE: str = TOLD["outside"]
TOKEN: str = TOLD["token"]
REFUSED, WORKED, UNTRIED = 0, 1, 2

# Constants of the kernel's interface: linux/sched.h, ipc.h, keyctl.h, userfaultfd.h, mqueue.h, io_uring.h.
NEW_USER_NAMESPACE, CREATE, USER_KEYRING, INVALIDATE, USER_MODE_ONLY = 0x1000_0000, 0o1000, -4, 21, 1
ONE_MESSAGE = b"".join(number.to_bytes(8, sys.byteorder) for number in (0, 1, 8, 0, 0, 0, 0, 0))
RING = bytes(120)


class UntriedError(Exception):
    """There is no way to try it here."""


def call(name: str, *arguments: int | bytes) -> int:
    """Call the kernel directly; raises OSError where it refuses."""
    try:
        import ctypes  # noqa: PLC0415 - a minimal Python comes without it
    except ImportError as error:
        raise UntriedError from error
    if name not in TOLD["numbers"]:
        raise UntriedError
    libc = ctypes.CDLL(None, use_errno=True)
    plain = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = int(libc.syscall(ctypes.c_long(TOLD["numbers"][name]), *plain))
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def child(work: Callable[[], object]) -> int:
    """Do something in a child process and return its wait status."""
    pid = os.fork()
    if pid == 0:
        code = WORKED
        try:
            work()
        except OSError:
            code = REFUSED
        except UntriedError:
            code = UNTRIED
        os._exit(code)
    return os.waitpid(pid, 0)[1]


def refuse() -> NoReturn:
    """End an attempt that failed without a word from the kernel."""
    raise PermissionError


def read(path: str) -> str:
    """Read a file."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def create(path: str) -> None:
    """Make a file."""
    with open(path, "wb"):
        pass


def open_for_writing(paths: list[str]) -> None:
    """Open one of these files and write nothing to it."""
    for path in paths:
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            return
    refuse()


def connect(family: int, kind: int, address: tuple[str, int] | str) -> None:
    """Send one byte to where somebody waits for it."""
    with socket.socket(family, kind) as sock:
        sock.settimeout(2)
        sock.connect(address)
        sock.send(b"x")


def the_server() -> int:
    """Return the server's number; under the same number there may be another process here."""
    server: int = TOLD["server"]
    if int(read(f"/proc/{server}/stat").rpartition(")")[2].split()[19]) != TOLD["born"]:
        raise ProcessLookupError
    return server


def hypervisor_socket() -> None:
    """Make a socket that no network namespace holds back."""
    if not hasattr(socket, "AF_VSOCK"):
        raise UntriedError
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


def privileges() -> None:
    """Have a capability, or be root."""
    capabilities = int(read("/proc/self/status").split("CapEff:")[1].split()[0], 16)
    if capabilities == 0 and os.getuid() != 0:
        refuse()


def namespace() -> None:
    """Become the root of a new user namespace."""
    code = os.WEXITSTATUS(child(lambda: call("unshare", NEW_USER_NAMESPACE)))
    if code == UNTRIED:
        raise UntriedError
    if code != WORKED:
        refuse()


def variable() -> None:
    """See a variable that the trial was not given."""
    if set(os.environ) <= set(TOLD["variables"]):
        refuse()


def queue() -> None:
    """Leave a message queue."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (1 << 16, 1 << 16))
    call("mq_open", TOKEN.encode(), os.O_CREAT | os.O_RDWR, 0o600, ONE_MESSAGE)


def key() -> None:
    """Put a key where it would outlive the trial, and take it away again."""
    call("keyctl", INVALIDATE, call("add_key", b"user", TOKEN.encode(), b"x", 1, USER_KEYRING))


def core_dump() -> None:
    """Crash and leave the memory of the crash."""
    if not TOLD["crash"]:
        raise UntriedError
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    if not os.WCOREDUMP(child(lambda: os.kill(os.getpid(), signal.SIGABRT))):
        refuse()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "wrote_outside": lambda: create(f"{OUTSIDE}/written"),
    "changed_mode_outside": lambda: os.chmod(f"{OUTSIDE}/private", 0o600),
    "read_private": lambda: read(f"{OUTSIDE}/private"),
    "listed_private": lambda: os.listdir(OUTSIDE),
    "saw_private": lambda: os.stat(f"{OUTSIDE}/private"),
    "reached_tcp": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", TOLD["tcp"])),
    "reached_udp": lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", TOLD["udp"])),
    "reached_unix": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, f"{OUTSIDE}/socket"),
    "made_hypervisor_socket": hypervisor_socket,
    "saw_server": the_server,
    "signalled_server": lambda: os.kill(the_server(), 0),
    "read_server_environment": lambda: read(f"/proc/{the_server()}/environ"),
    "saw_server_files": lambda: os.readlink(f"/proc/{the_server()}/cwd"),
    "had_privileges": privileges,
    "opened_kernel_settings": lambda: open_for_writing(TOLD["settings"]),
    "opened_control_groups": lambda: open_for_writing(TOLD["groups"]),
    "made_namespace": namespace,
    "opened_io_uring": lambda: call("io_uring_setup", 1, RING),
    "opened_userfaultfd": lambda: call("userfaultfd", os.O_CLOEXEC | USER_MODE_ONLY),
    "saw_variable": variable,
    "left_shared_memory": lambda: create(f"/dev/shm/{TOKEN}"),  # noqa: S108 - this very place is attacked
    "left_system_v": lambda: call("shmget", TOLD["key"], 4096, CREATE | 0o600),
    "left_queue": queue,
    "left_key": key,
    "dumped_core": core_dump,
}

for name, attempt in ATTEMPTS.items():
    try:
        attempt()
    except OSError:
        result = REFUSED
    except UntriedError:
        result = UNTRIED
    else:
        result = WORKED
    print(f"{name}: {result}")  # noqa: T201 - metrics are read from standard output
