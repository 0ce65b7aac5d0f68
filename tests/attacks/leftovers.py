"""Attacks that leave an object behind: in the kernel, in shared folders, or in the folder of the trial itself.

What gets through is removed by the host (`undo`) or ends by itself within seconds.
"""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress

from tests.attacks.arena import Arena, Attack, nothing
from tests.attacks.proofs import (
    CALLS,
    LIBC,
    begun_in_vain,
    in_table,
    left_name,
    named,
    remove_system_v,
    system_v,
    unlink,
)


def _made(arena: Arena) -> bool:
    return bool(named(left_name(arena)))


def _unlink(arena: Arena) -> None:
    unlink(left_name(arena))


def _queue(arena: Arena) -> bool:
    queue = int(LIBC.mq_open(f"/{left_name(arena)}".encode(), os.O_RDONLY | os.O_CLOEXEC))
    if queue >= 0:
        os.close(queue)
    return queue >= 0


def _remove_queue(arena: Arena) -> None:
    LIBC.mq_unlink(f"/{left_name(arena)}".encode())


def _folder_left(arena: Arena) -> bool:
    return begun_in_vain(arena) or bool(arena.lab.leftovers())


def _clear_flags(arena: Arena) -> None:
    """Take the mark `immutable` from what it protects, so that it can be removed."""
    for path in arena.base.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file, suppress(OSError):
                fcntl.ioctl(file, 0x40086602, (0).to_bytes(8, "little"))


def _left(name: str, code: str, broke: Callable[[Arena], bool], undo: Callable[[Arena], None] = nothing) -> Attack:
    return Attack(
        name, CALLS + "import socket\nMARK = 'left-' + A['mark']\nKEY = int(MARK[-7:], 16)\n" + code, broke, undo=undo
    )


ATTACKS: tuple[Attack, ...] = (
    _left("shm_file", "open('/dev/shm/' + MARK, 'w').write('kept')\n", _made, _unlink),
    _left(
        "tmp_file",
        """
for folder in ("/tmp", "/var/tmp", "/run/lock", "/dev"):
    attempt(lambda: open(f"{folder}/{MARK}", "w").write("kept"))
""",
        _made,
        _unlink,
    ),
    _left("sysv_shm", "call(SHMGET, KEY, 4096, 0o1666)\n", lambda arena: bool(system_v(arena)), remove_system_v),
    _left("sysv_sem", "call(SEMGET, KEY, 1, 0o1666)\n", lambda arena: bool(system_v(arena)), remove_system_v),
    _left("sysv_msg", "call(MSGGET, KEY, 0o1666)\n", lambda arena: bool(system_v(arena)), remove_system_v),
    _left(
        "posix_mq",
        """
import resource
try:
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (1 << 20, 1 << 20))
except ValueError:
    pass
call(MQ_OPEN, MARK.encode(), os.O_CREAT | os.O_RDWR, 0o666, struct.pack("8q", 0, 1, 8, 0, 0, 0, 0, 0))
""",
        _queue,
        _remove_queue,
    ),
    # The key ends by itself after some seconds; the host sees it in the kernel's list until then.
    _left(
        "keyring",
        """
for ring in (-4, -5, -3):
    call(KEYCTL, 15, call(ADD_KEY, b"user", MARK.encode(), b"kept", 4, ring), 20)
""",
        in_table("/proc/keys"),
    ),
    # Folders that nobody may enter, deeper than any path can be long.
    _left(
        "folder_that_resists",
        """
os.chdir(os.environ["TMPDIR"])
folders = []
for _ in range(60):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
    open("f", "w").close()
    folders.append(os.open(".", os.O_RDONLY))
for number, folder in enumerate(folders):
    os.chmod(folder, 0o100 * (number % 2))
""",
        _folder_left,
    ),
    _left(
        "file_made_immutable",
        """
import fcntl
for place in (os.environ["TMPDIR"], os.environ["HOME"], "."):
    with open(f"{place}/{MARK}", "w") as file:
        attempt(fcntl.ioctl, file, 0x40086602, (0x10).to_bytes(8, "little"))
        attempt(fcntl.ioctl, file, 0x40086602, (0x20).to_bytes(8, "little"))
""",
        _folder_left,
        _clear_flags,
    ),
)
