"""What a trial must not read, and the machine's own switches, which it must not turn."""

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.attacks.arena import SHARED, Arena, Attack
from tests.attacks.proofs import CALLS, proofs

_READ = """
import glob, hashlib

def show(path, size=65536):
    with open(path, "rb") as file:
        print(file.read(size), flush=True)
"""


def _reads(name: str, code: str, broke: Callable[[Arena], bool] = Arena.leaked, *, known: str = "") -> Attack:
    return Attack(name, _READ + code, broke, known=known)


def _badge(arena: Arena) -> bool:
    return arena.badge in arena.lab.said()


def _variable(arena: Arena) -> bool:
    return arena.stage.variable in arena.lab.said()


def _stat(arena: Arena) -> bool:
    """Whether the trial told when a file was changed that it may not even see."""
    return str((arena.outside / "secret").stat().st_mtime_ns) in arena.lab.said()


_SHADOWS = tuple(f"/etc/{name}{end}" for name in ("shadow", "gshadow", "sudoers") for end in ("", "-"))


def _shadow(arena: Arena) -> bool:
    """Judge by the digests of the files; what this user cannot read itself counts against the sandbox."""
    told = proofs(arena)
    readable = [path for path in _SHADOWS if os.access(path, os.R_OK)]
    true = {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in readable}
    return any(path in told and told[path] == true.get(path, told[path]) for path in _SHADOWS)


def _disk(arena: Arena) -> bool:
    return re.search(r"^disk=[0-9a-f]{32}$", arena.lab.said(), re.MULTILINE) is not None


# Harmless settings: how long a holder of a file lease is given, and how often an idle daemon wakes.
_SWITCHES = ("/proc/sys/fs/lease-break-time", "/sys/kernel/mm/ksm/sleep_millisecs")
_USUAL = {path: Path(path).read_text(encoding="ascii") for path in _SWITCHES if Path(path).exists()}


def _turned(path: str, arena: Arena) -> bool:
    """Whether a setting has the number that this trial alone would choose."""
    number = str(1000 + int(arena.mark[-4:], 16))
    return path in _USUAL and Path(path).read_text(encoding="ascii").strip() == number


def _turn(name: str, path: str) -> Attack:
    """Turn a switch of the machine, and back if it could be turned."""

    def turn_back(arena: Arena) -> None:
        if _turned(path, arena):
            Path(path).write_text(_USUAL[path], encoding="ascii")

    code = f"attempt(lambda: open({path!r}, 'w').write(str(1000 + int(A['mark'][-4:], 16))))"
    return Attack(name, code, lambda arena: _turned(path, arena), undo=turn_back)


def _cgroups(arena: Arena) -> list[Path]:
    """Return the control groups that the trial made."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    places = [Path(fields[1], arena.mark) for fields in mounts if fields[1].startswith("/sys/fs/cgroup")]
    return [place for place in places if place.exists()]


def _remove_cgroups(arena: Arena) -> None:
    for place in _cgroups(arena):
        with suppress(OSError):
            place.rmdir()


_FILES = (
    _reads("read_private", "attempt(show, A['secret'])"),
    _reads("read_private_inside_project", "for top in ('.', A['root']): attempt(show, top + '/.env')"),
    _reads("read_ssh", "for top in (A['home'], os.environ['HOME']): attempt(show, top + '/.ssh/id_ed25519')"),
    _reads("read_other_repo", "attempt(show, A['neighbour'] + '/.git/config')"),
    _reads("read_shared_memory", "attempt(show, A['shared'])", known=SHARED),
    _reads("read_journal", "attempt(show, A['journal'])"),
    _reads("read_through_input", "for way in ('way-out', '../outside/secret'): attempt(show, A['input'] + '/' + way)"),
    _reads(
        "read_from_open_folder",
        CALLS
        + """
ways = ["outside/secret", "../outside/secret", "../../outside/secret", A["secret"]]
for folder in (".", "..", A["input"], os.path.dirname(A["root"]), "/"):
    descriptor = attempt(os.open, folder, os.O_PATH | os.O_DIRECTORY)
    for way in ways if descriptor is not None else ():
        how = struct.pack("QQQ", os.O_RDONLY, 0, 0)
        file = attempt(call, 437, descriptor, way.encode(), how, len(how))
        if file is not None:
            print(os.read(file, 100))
""",
    ),
    _reads(
        "open_by_handle",
        CALLS
        + """
NAME_TO_HANDLE = 303 if X86 else 264
HANDLE = struct.Struct("Ii128s")
handle = ctypes.create_string_buffer(HANDLE.pack(128, 0, b""))
mount = ctypes.c_int()
known = attempt(os.open, ".", os.O_RDONLY)
if attempt(call, NAME_TO_HANDLE, -100, A["secret"].encode(), handle, ctypes.byref(mount), 0) is not None:
    file = attempt(call, BY_HANDLE, known, handle, os.O_RDONLY)
    if file is not None:
        print(os.read(file, 100))
""",
    ),
    _reads(
        "read_shadow",
        f"""
for path in {_SHADOWS}:
    attempt(lambda: print(path + "=" + hashlib.sha256(open(path, "rb").read()).hexdigest()))
""",
        _shadow,
    ),
    _reads(
        "stat_private",
        "attempt(lambda: print(os.stat(A['secret']).st_mtime_ns))",
        _stat,
        known="Landlock knows no right to ask for a file's size and times",
    ),
    _reads(
        "inotify_private",
        CALLS
        + """
import select
watch = libc.inotify_init()
if libc.inotify_add_watch(watch, (A["outside"] + "/watched").encode(), 0x100) < 0:
    raise OSError(ctypes.get_errno(), "inotify_add_watch")
if select.select([watch], [], [], 3)[0]:
    print(os.read(watch, 4096))
""",
        _badge,
        known="Landlock knows no right to watch a folder; names of files made in it can be seen",
    ),
)

_OF_PROCESSES = (
    _reads("env_secret", "print(dict(os.environ))\nattempt(show, f'/proc/{os.getppid()}/environ')", _variable),
    _reads("server_environ", "attempt(show, f'/proc/{A[\"pid\"]}/environ')"),
    _reads(
        "server_cmdline",
        "attempt(show, f'/proc/{A[\"pid\"]}/cmdline')",
        _badge,
        known="a Landlock trial keeps the machine's /proc: names and command lines can be seen",
    ),
    _reads(
        "list_host_processes",
        "for path in glob.glob('/proc/[0-9]*/cmdline'): attempt(show, path)",
        _badge,
        known="a Landlock trial keeps the machine's /proc: names and command lines can be seen",
    ),
)

_DISKS = (
    _reads(
        "raw_disk",
        """
def superblock(path):
    with open(path, "rb", buffering=0) as disk:
        print("disk=" + os.pread(disk.fileno(), 16, 1024 + 0x68).hex())
for path in glob.glob("/dev/[sv]d*") + glob.glob("/dev/nvme*n*") + glob.glob("/dev/root"):
    attempt(superblock, path)
""",
        _disk,
    ),
    _reads(
        "mknod_disk",
        """
import stat
def superblock(place):
    node = place + "/" + A["mark"]
    os.mknod(node, stat.S_IFBLK | 0o600, os.stat("/usr").st_dev)
    print("disk=" + os.pread(os.open(node, os.O_RDONLY), 16, 1024 + 0x68).hex())
for place in (".", os.environ["HOME"], os.environ["TMPDIR"], "/dev/shm", A["outside"]):
    attempt(superblock, place)
""",
        _disk,
    ),
)

_OF_THE_MACHINE = (
    _turn("proc_sys_write", _SWITCHES[0]),
    _turn("sys_write", _SWITCHES[1]),
    Attack(
        "cgroup_write",
        """
for line in open("/proc/self/mounts"):
    if line.split()[1].startswith("/sys/fs/cgroup"):
        attempt(os.mkdir, line.split()[1] + "/" + A["mark"])
""",
        lambda arena: bool(_cgroups(arena)),
        undo=_remove_cgroups,
    ),
)

ATTACKS: tuple[Attack, ...] = (*_FILES, *_OF_PROCESSES, *_DISKS, *_OF_THE_MACHINE)
