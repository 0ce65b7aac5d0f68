"""Modes, times, attributes and locks of files that a trial must leave as they are, though it holds nothing of them."""

from tests.attacks.arena import Arena, Attack
from tests.attacks.files import TARGETS

_OWN = (
    "Landlock knows no right to change modes, times and attributes: of the user's own files, said in the capabilities"
)
_OPEN = "Landlock knows no right to change times and attributes: of files that any user may write"


def _changed(arena: Arena) -> bool:
    """Whether anything at all of the host's files is other."""
    return bool(arena.changed())


def _on_metadata(name: str, code: str, known: str) -> Attack:
    return Attack(name, TARGETS + code, _changed, known=known)


def _held_up(name: str, arena: Arena) -> bool:
    """Whether the witness could not do its own work with an input."""
    return bool(arena.server.seen()[name])


def _still_locked(arena: Arena) -> bool:
    """Whether something holds the input's lock although the trial has ended: the witness tries once more."""
    return bool(arena.server.seen()["locked"] != arena.server.seen()["locked"])


_HELD = """
import fcntl, signal, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
"""
_LOCKS = "as any process that may read the file; gone with the trial"

_HOLDING = (
    Attack(
        "lock_input",
        _HELD
        + """
with open(A["input"] + "/lock") as file:
    attempt(fcntl.flock, file, fcntl.LOCK_EX)
    time.sleep(0.3)
""",
        lambda arena: _held_up("locked", arena),
        known=_LOCKS,
    ),
    Attack(
        "lease_input",
        _HELD
        + """
with open(A["input"] + "/lease") as file:
    attempt(fcntl.fcntl, file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    time.sleep(0.3)
""",
        lambda arena: _held_up("leased", arena),
    ),
    Attack(
        "lock_outlives_trial",
        _HELD
        + """
file = open(A["input"] + "/lock")
attempt(fcntl.flock, file, fcntl.LOCK_EX)
if os.fork() == 0:
    os.setsid()
    time.sleep(60)
""",
        _still_locked,
    ),
)


_METADATA = (
    _on_metadata("chmod_evaluator", "for path in RULES: attempt(os.chmod, path, 0o700)", _OWN),
    _on_metadata("utime_evaluator", "for path in RULES: attempt(os.utime, path, (1, 1))", _OWN),
    _on_metadata("setxattr_evaluator", "for path in RULES: attempt(os.setxattr, path, 'user.mark', b'x')", _OWN),
    _on_metadata(
        "acl_evaluator",
        """
entries = [(1, 7, -1), (2, 7, os.getuid()), (4, 7, -1), (16, 7, -1), (32, 7, -1)]
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
for path in [*RULES, A["evaluator"], A["input"]]:
    attempt(os.setxattr, path, "system.posix_acl_access", acl)
""",
        _OWN,
    ),
    _on_metadata(
        "flags_of_input",
        """
import fcntl
for path in [*RULES, A["evaluator"], A["input"] + "/helper.py"]:
    descriptor = attempt(os.open, path, os.O_RDONLY)
    if descriptor is not None:
        attempt(fcntl.ioctl, descriptor, 0x40086602, struct.pack("L", 0x40))
""",
        _OWN,
    ),
    _on_metadata(
        "attributes_of_writable",
        """
for path in (A["evaluator"], A["input"] + "/data"):
    attempt(os.setxattr, path, "user.mark", b"x")
    attempt(os.utime, path)
""",
        _OPEN,
    ),
)

ATTACKS: tuple[Attack, ...] = (*_METADATA, *_HOLDING)
