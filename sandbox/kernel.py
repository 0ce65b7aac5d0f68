"""System calls that Python's standard library does not offer; each raises OSError with what was tried.

Covered: mounts, namespaces, process attributes, Landlock, what outlives a process. Linux on x86_64 and aarch64 only,
where the Landlock calls have the same numbers. Nothing here decides anything.
"""

import ctypes
import os
import struct
from contextlib import suppress
from pathlib import Path

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x4_0000
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_SYS_LANDLOCK_CREATE = 444
_SYS_LANDLOCK_ADD_RULE = 445
_SYS_LANDLOCK_RESTRICT = 446
_SYS_CLOSE_RANGE = 436
_SYS_MOUNT_SETATTR = 442
_SYS_KCMP = {"x86_64": 312, "aarch64": 272}
_KCMP_FILES = 2
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 1
_CLOSE_RANGE_CLOEXEC = 4
_LANDLOCK_VERSION_FLAG = 1
_LANDLOCK_PATH_BENEATH = 1
_IPC_RMID = 0

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(option: int, value: int, what: str, argument: object = 0) -> None:
    pointer = argument if isinstance(argument, ctypes.c_void_p) else ctypes.c_ulong(0)
    _checked(_libc.prctl(option, ctypes.c_ulong(value), pointer, ctypes.c_ulong(0), ctypes.c_ulong(0)), what)


def become_subreaper() -> None:
    """Make orphans among the descendants children of this process."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, "prctl(PR_SET_CHILD_SUBREAPER)")


def die_with_parent(signal_number: int) -> None:
    """Ask for a signal when the thread that forked this process ends; cleared by a change of uid."""
    _prctl(_PR_SET_PDEATHSIG, signal_number, "prctl(PR_SET_PDEATHSIG)")


def hide_memory() -> None:
    """Keep other processes of the same user from reading or tracing this one."""
    _prctl(_PR_SET_DUMPABLE, 0, "prctl(PR_SET_DUMPABLE)")


def no_new_privileges() -> None:
    """Give up everything that a set-uid program could grant, for good."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, "prctl(PR_SET_NO_NEW_PRIVS)")


def install_filter(program: bytes) -> None:
    """Install a seccomp program (see `seccomp`) for this process and all it will start."""
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    pointer = ctypes.cast(ctypes.create_string_buffer(head, len(head)), ctypes.c_void_p)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, "prctl(PR_SET_SECCOMP)", pointer)


def close_on_exec_from(first: int) -> None:
    """Let no descriptor from `first` upwards survive the next exec."""
    last = 0xFFFF_FFFF
    result = _libc.syscall(_SYS_CLOSE_RANGE, ctypes.c_uint(first), ctypes.c_uint(last), _CLOSE_RANGE_CLOEXEC)
    _checked(int(result), "close_range")


def files_apart(one: int, other: int) -> bool:
    """Whether two threads surely have tables of open files of their own; False also where the kernel does not say."""
    number = _SYS_KCMP.get(os.uname().machine)
    return number is not None and int(_libc.syscall(number, one, other, _KCMP_FILES, 0, 0)) > 0


def unshare(flags: int) -> None:
    """Move this process into new namespaces."""
    _checked(_libc.unshare(flags), f"unshare({flags:#x})")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount; the paths may contain any byte but NUL."""
    data = options.encode() if options else None
    result = _libc.mount(os.fsencode(source), os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags), data)
    _checked(result, f"mount {kind or 'bind'} at {target}")


def set_read_only(path: str, *, recursive: bool) -> None:
    """Make a mount (and all below it) read-only for this namespace; other flags stay as they are."""
    _mount_setattr(path, _AT_RECURSIVE if recursive else 0, _MOUNT_ATTR_RDONLY, 0)


def set_writable(path: str) -> None:
    """Undo `set_read_only` for one mount."""
    _mount_setattr(path, 0, 0, _MOUNT_ATTR_RDONLY)


def _mount_setattr(path: str, flags: int, add: int, clear: int) -> None:
    attributes = struct.pack("QQQQ", add, clear, 0, 0)
    size = ctypes.c_size_t(len(attributes))
    result = _libc.syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), flags, attributes, size)
    _checked(int(result), f"mount_setattr {path}")


def detach(target: str) -> None:
    """Unmount lazily; a path that is not mounted is left alone."""
    with suppress(OSError):
        _checked(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


_entered: list[int] = []


def private_mounts() -> None:
    """Enter a mount namespace in which this process may mount, as root or as an ordinary user; once for a process.

    Raises:
        OSError: the machine does not allow it.
    """
    if _entered == [os.getpid()]:
        return
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        unshare(CLONE_NEWNS)
    else:
        # The kernel lets only a readable process write its own user map; `hide_memory` comes after.
        _prctl(_PR_SET_DUMPABLE, 1, "prctl(PR_SET_DUMPABLE)")
        unshare(CLONE_NEWUSER | CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    _entered[:] = [os.getpid()]


def remove_segment(segment: int) -> None:
    """Remove a System V shared memory segment by its number."""
    _checked(int(_libc.shmctl(segment, _IPC_RMID, None)), "shmctl")


def remove_queue(name: str) -> bool:
    """Remove a POSIX message queue and return whether there was one."""
    # In a library of its own before glibc 2.34.
    return hasattr(_libc, "mq_unlink") and int(_libc.mq_unlink(f"/{name}".encode())) == 0


def in_first_user_namespace() -> bool:
    """Whether this process sees all user ids as they are."""
    return Path("/proc/self/uid_map").read_text(encoding="ascii").split() == ["0", "0", "4294967295"]


def landlock_abi() -> int:
    """Return the Landlock version of the running kernel, 0 if it has none."""
    result = int(_libc.syscall(_SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION_FLAG))
    return max(result, 0)


def landlock_ruleset(files: int, network: int, scoped: int, size: int) -> int:
    """Create a ruleset that handles these rights; `size` is the structure's size in this ABI."""
    attributes = struct.pack("QQQ", files, network, scoped)[:size]
    result = _libc.syscall(_SYS_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), 0)
    return _checked(int(result), "landlock_create_ruleset")


def landlock_allow(ruleset: int, descriptor: int, rights: int) -> None:
    """Allow `rights` on an open file, or on everything below an open folder."""
    rule = struct.pack("=Qi", rights, descriptor)
    result = _libc.syscall(_SYS_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_PATH_BENEATH, rule, 0)
    _checked(int(result), "landlock_add_rule")


def landlock_enforce(ruleset: int) -> None:
    """Confine this process by the ruleset; needs `no_new_privileges` before."""
    _checked(int(_libc.syscall(_SYS_LANDLOCK_RESTRICT, ruleset, 0)), "landlock_restrict_self")
