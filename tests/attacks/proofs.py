"""What attacks share: system calls by number for those inside, and for the host the reading of their proofs.

An attack without a witness on the host prints `name=value` lines that it can have only if it worked (the kernel's
own name of a descriptor, the number of a namespace). It gains nothing by claiming what it did not do.
"""

import ctypes
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.attacks.arena import Arena

LIBC = ctypes.CDLL(None, use_errno=True)
_IPC_RMID = 0
_FOLDERS = ("/dev/shm", "/tmp", "/var/tmp", "/run/lock", "/dev", "/")

# Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux 6.12; written here
# once more, so that a wrong number in the filter's own table is found and not repeated.
CALLS = """
import ctypes, os, platform, struct, sys, time

X86 = platform.machine() == "x86_64"
CLONE, IOCTL, BPF, PERF, USERFAULTFD = (56, 16, 321, 298, 323) if X86 else (220, 29, 280, 241, 282)
ADD_KEY, KEYCTL, FANOTIFY, BY_HANDLE = (248, 250, 300, 304) if X86 else (217, 219, 262, 265)
SETTIME, ADJTIMEX, REBOOT, SWAPON, ACCT, SYSLOG = (
    (164, 159, 169, 167, 163, 103) if X86 else (170, 171, 142, 224, 89, 116)
)
SETHOSTNAME, SETNS, UNSHARE, CHROOT, MOUNT, UMOUNT = (
    (170, 308, 272, 161, 165, 166) if X86 else (161, 268, 97, 51, 40, 39)
)
PTRACE, VM_READ, KCMP, QUOTACTL = (101, 310, 312, 179) if X86 else (117, 270, 272, 60)
SHMGET, SHMAT, SEMGET, MSGGET, MQ_OPEN = (29, 30, 64, 68, 240) if X86 else (194, 196, 190, 186, 180)
IO_URING_SETUP, FSOPEN, FSCONFIG, FSMOUNT, OPEN_TREE, CLONE3 = 425, 430, 431, 432, 428, 435
NEWNS, NEWUSER, NEWPID, NEWNET, VFORK = 0x20000, 0x10000000, 0x20000000, 0x40000000, 0x4000
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

def call(number, *arguments):
    ctypes.set_errno(0)
    plain = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    done = libc.syscall(ctypes.c_long(number), *plain)
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done

def say(name, value):
    print(f"{name}={value}", flush=True)

def kind(descriptor):
    return os.readlink(f"/proc/self/fd/{descriptor}")
"""


def said(arena: Arena) -> str:
    """Return the output of the attack; an empty text if it came to nothing."""
    return arena.lab.said() if arena.lab.log.exists() else ""


def proofs(arena: Arena) -> dict[str, str]:
    """Return what the attack said: by name the value of the last `name=value` line."""
    lines = [line.partition("=") for line in said(arena).splitlines()]
    return {name: value for name, equals, value in lines if equals}


def begun_in_vain(arena: Arena) -> bool:
    """Whether the attack was run and yet no measurement came of it: it has disabled the referee, not only itself."""
    return arena.run is None and "begun" in said(arena)


def proved(name: str, prefix: str = "") -> Callable[[Arena], bool]:
    """Judge by a proof: it was printed and begins with `prefix`."""
    return lambda arena: any(key == name and value.startswith(prefix) for key, value in proofs(arena).items())


def same_namespace(arena: Arena, kind: str) -> bool:
    """Whether the attack proved to be in this machine's own namespace of a kind (`net`, `user`, ...)."""
    return proofs(arena).get(kind) == os.readlink(f"/proc/self/ns/{kind}")


def processes(word: str) -> list[int]:
    """Return the processes with a living thread whose command line holds the word, this one and its parent aside."""
    own = {os.getpid(), os.getppid()}
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if pid not in own and _has(pid, word)]


def _has(pid: int, word: str) -> bool:
    with suppress(OSError):
        # The thread that stands for the process may have ended and tell nothing any more.
        for thread in os.listdir(f"/proc/{pid}/task"):
            if word.encode() in Path(f"/proc/{pid}/task/{thread}/cmdline").read_bytes():
                return True
    return False


def left_name(arena: Arena) -> str:
    """Return the word by which attacks call what they leave; the witness's own things hold the mark alone."""
    return f"left-{arena.mark}"


def in_table(path: str) -> Callable[[Arena], bool]:
    """Judge by a table of the kernel: that word stands in it."""
    return lambda arena: left_name(arena) in Path(path).read_text(encoding="utf-8", errors="replace")


def named(word: str) -> list[Path]:
    """Return the files and folders of that name in the folders of this machine that a trial might write."""
    return [path for folder in _FOLDERS if (path := Path(folder, word)).exists()]


def unlink(word: str) -> None:
    """Remove what `named` finds."""
    for path in named(word):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _key(arena: Arena) -> int:
    """Return the number that the attack uses for its System V objects; made of the mark."""
    return int(arena.mark[-7:], 16)


def system_v(arena: Arena) -> dict[str, int]:
    """Return the identifiers of what the attack left, by kind."""
    found: dict[str, int] = {}
    for kind in ("shm", "sem", "msg"):
        for line in Path(f"/proc/sysvipc/{kind}").read_text(encoding="ascii").splitlines()[1:]:
            key, number = line.split()[:2]
            if int(key) == _key(arena):
                found[kind] = int(number)
    return found


def remove_system_v(arena: Arena) -> None:
    """Remove what `system_v` finds."""
    for kind, number in system_v(arena).items():
        if kind == "sem":
            LIBC.semctl(number, 0, _IPC_RMID)
        else:
            getattr(LIBC, f"{kind}ctl")(number, _IPC_RMID, None)
