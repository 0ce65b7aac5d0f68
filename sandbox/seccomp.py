"""A system call filter as classic BPF, built from literal tables, for x86_64 and aarch64.

Guarantee: calls that reach the kernel's larger surfaces, other processes, clocks, mounts, new namespaces
or kernel objects that outlive a process fail with EPERM (or ENOSYS where the C library then takes an
older way); any call of a foreign or x32 ABI kills. It is a deny-list: a call that it does not name is allowed.
"""

import errno
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Sockets = Literal["local", "internet", "none"]

KILL = 0x8000_0000
ALLOW = 0x7FFF_0000
_ERRNO = 0x0005_0000
DENY = _ERRNO | errno.EPERM
MISSING = _ERRNO | errno.ENOSYS
AUDIT = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_X32_BIT = 0x4000_0000
_NEW_NAMESPACES = 0x7E02_0080
_CLONE_FILES, _CLONE_THREAD = 0x400, 0x1_0000
_CLOSE_RANGE_UNSHARE = 2
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_F_SETLEASE = 1024
_PR_SET_DUMPABLE = 4
_UNIX, _INET, _INET6 = 1, 2, 10
_STREAM, _SEQPACKET, _TYPE_MASK = 1, 5, 0xF

_LOAD, _JUMP_EQ, _JUMP_GE, _JUMP_SET, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCH = 0, 4

# Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux 6.12.
_SHARED = {
    "pidfd_getfd": 438,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "process_mrelease": 448,
    "open_tree_attr": 467,
}
_X86_64 = {
    "ptrace": 101, "syslog": 103, "uselib": 134, "vhangup": 153, "modify_ldt": 154, "pivot_root": 155,
    "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166,
    "swapon": 167, "swapoff": 168, "reboot": 169, "iopl": 172, "ioperm": 173, "create_module": 174,
    "init_module": 175, "delete_module": 176, "quotactl": 179, "lookup_dcookie": 212, "clock_settime": 227,
    "mq_open": 240, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "migrate_pages": 256,
    "unshare": 272, "move_pages": 279, "perf_event_open": 298, "fanotify_init": 300, "open_by_handle_at": 304,
    "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
    "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323, "shmget": 29, "shmat": 30,
    "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66, "msgget": 68, "msgsnd": 69, "msgrcv": 70,
    "msgctl": 71, "semtimedop": 220,
}  # fmt: skip
_AARCH64 = {
    "ptrace": 117, "syslog": 116, "vhangup": 58, "pivot_root": 41, "adjtimex": 171, "chroot": 51, "acct": 89,
    "settimeofday": 170, "mount": 40, "umount2": 39, "swapon": 224, "swapoff": 225, "reboot": 142,
    "init_module": 105, "delete_module": 106, "quotactl": 60, "lookup_dcookie": 18, "clock_settime": 112,
    "mq_open": 180, "kexec_load": 104, "add_key": 217, "request_key": 218, "keyctl": 219, "migrate_pages": 238,
    "unshare": 97, "move_pages": 239, "perf_event_open": 241, "fanotify_init": 262, "open_by_handle_at": 265,
    "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
    "finit_module": 273, "kexec_file_load": 294, "bpf": 280, "userfaultfd": 282, "shmget": 194, "shmat": 196,
    "shmctl": 195, "semget": 190, "semop": 193, "semctl": 191, "msgget": 186, "msgsnd": 189, "msgrcv": 188,
    "msgctl": 187, "semtimedop": 192,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Numbers:
    """System call numbers of one architecture: those denied outright and those looked into."""

    denied: Mapping[str, int]
    clone: int
    fcntl: int
    ioctl: int
    prctl: int
    prlimit64: int
    socket: int
    socketpair: int
    optional: Mapping[str, int]


CLONE3, CLOSE_RANGE = 435, 436
IO_URING = (425, 426, 427)
TABLES = {
    "x86_64": Numbers(
        _X86_64 | _SHARED,
        clone=56,
        fcntl=72,
        ioctl=16,
        prctl=157,
        prlimit64=302,
        socket=41,
        socketpair=53,
        optional={"truncate": 76},
    ),
    "aarch64": Numbers(
        _AARCH64 | _SHARED,
        clone=220,
        fcntl=25,
        ioctl=29,
        prctl=167,
        prlimit64=261,
        socket=198,
        socketpair=199,
        optional={"truncate": 45},
    ),
}

_Instruction = tuple[int, int, int, int]


def _argument(index: int, *, high: bool = False) -> int:
    return 16 + 8 * index + (4 if high else 0)


def _load(offset: int) -> _Instruction:
    return (_LOAD, 0, 0, offset)


def _return(verdict: int) -> _Instruction:
    return (_RETURN, 0, 0, verdict)


def _on_call(number: int, body: list[_Instruction]) -> list[_Instruction]:
    """Run `body` for one call; it must end in a verdict. The number stays loaded otherwise."""
    return [(_JUMP_EQ, 0, len(body), number), *body]


def _when(values: tuple[int, ...], verdict: int, otherwise: int) -> list[_Instruction]:
    lines: list[_Instruction] = []
    for value in values:
        lines += [(_JUMP_EQ, 0, 1, value), _return(verdict)]
    return [*lines, _return(otherwise)]


def _socket(sockets: Sockets) -> list[_Instruction]:
    families = {"local": (_UNIX, _INET, _INET6), "internet": (_INET, _INET6), "none": ()}[sockets]
    return [_load(_argument(0)), *_when(families, ALLOW, DENY)]


def _socketpair(sockets: Sockets) -> list[_Instruction]:
    if sockets == "local":
        return [_load(_argument(0)), *_when((_UNIX,), ALLOW, DENY)]
    # A datagram pair could be connected again, to a socket of the machine.
    return [
        _load(_argument(0)),
        (_JUMP_EQ, 1, 0, _UNIX),
        _return(DENY),
        _load(_argument(1)),
        (_AND, 0, 0, _TYPE_MASK),
        *_when((_STREAM, _SEQPACKET), ALLOW, DENY),
    ]


# A thread with open files of its own could hold more of them than it may: /proc shows those of the first.
_CLONE = [
    _load(_argument(0)),
    (_JUMP_SET, 0, 1, _NEW_NAMESPACES),
    _return(DENY),
    (_JUMP_SET, 0, 2, _CLONE_THREAD),
    (_JUMP_SET, 1, 0, _CLONE_FILES),
    _return(DENY),
    _return(ALLOW),
]


def _foreign_abi(arch: str) -> list[_Instruction]:
    lines = [_load(_ARCH), (_JUMP_EQ, 1, 0, AUDIT[arch]), _return(KILL), _load(_NUMBER)]
    return [*lines, (_JUMP_GE, 0, 1, _X32_BIT), _return(KILL)] if arch == "x86_64" else lines


def _looked_into(numbers: Numbers, sockets: Sockets) -> Iterator[list[_Instruction]]:
    # The kernel reads 32 bits of these arguments; the upper half must not hide a value.
    yield _on_call(numbers.ioctl, [_load(_argument(1)), *_when((_TIOCSTI, _TIOCLINUX), DENY, ALLOW)])
    # A lease on an input would hold up whoever wants to write it.
    yield _on_call(numbers.fcntl, [_load(_argument(1)), *_when((_F_SETLEASE,), DENY, ALLOW)])
    # A process that hides its memory and files could hold more of both than it may.
    yield _on_call(numbers.prctl, [_load(_argument(0)), *_when((_PR_SET_DUMPABLE,), DENY, ALLOW)])
    yield _on_call(numbers.clone, _CLONE)
    own_table = [_load(_argument(2)), (_JUMP_SET, 0, 1, _CLOSE_RANGE_UNSHARE), _return(DENY), _return(ALLOW)]
    yield _on_call(CLOSE_RANGE, own_table)
    yield _on_call(numbers.prlimit64, [_load(_argument(0)), *_when((0,), ALLOW, DENY)])
    yield _on_call(numbers.socket, _socket(sockets))
    yield _on_call(numbers.socketpair, _socketpair(sockets))


def build(sockets: Sockets, arch: str | None = None, also: tuple[str, ...] = ()) -> bytes:
    """Return the filter as an array of `struct sock_filter`.

    Args:
        sockets: Which may be made: `local` (Unix and internet, for a trial in its own network
            namespace or with network), `internet`, or `none`.
        arch: Machine name; the running one by default.
        also: Further calls to deny, out of `truncate`.

    Raises:
        OSError: there is no table for this machine.
    """
    machine = arch or os.uname().machine
    if machine not in TABLES:
        raise OSError(errno.ENOTSUP, f"no system call table for {machine}")
    numbers = TABLES[machine]
    lines = _foreign_abi(machine)
    for call in (*IO_URING, CLONE3):
        lines += _on_call(call, [_return(MISSING)])
    for call in [*numbers.denied.values(), *(numbers.optional[name] for name in also)]:
        lines += _on_call(call, [_return(DENY)])
    for part in _looked_into(numbers, sockets):
        lines += part
    return b"".join(struct.pack("HBBI", *line) for line in [*lines, _return(ALLOW)])
