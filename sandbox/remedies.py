"""What a person can do where this machine refuses namespaces: read from the machine, not guessed."""

from pathlib import Path

_APPARMOR = (
    "AppArmor refuses user namespaces: give /usr/bin/bwrap an AppArmor profile that allows userns, "
    "or: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
)
_KNOBS = (
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        _APPARMOR,
    ),
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "user namespaces are switched off: sudo sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    (
        "/proc/sys/user/max_user_namespaces",
        "0",
        "user namespaces are switched off: sudo sysctl -w user.max_user_namespaces=10000",
    ),
)
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
_CONTAINER = (
    "in a container, start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined, "
    "as a user other than root"
)


def for_namespaces(marks: tuple[str, ...] = _CONTAINER_MARKS, knobs: tuple[tuple[str, str, str], ...] = _KNOBS) -> str:
    """Return what would let namespaces be made here, or an empty text where nothing is known to be in the way."""
    found = [remedy for path, value, remedy in knobs if _reads(path, value)]
    if any(Path(mark).exists() for mark in marks):
        found.append(_CONTAINER)
    return "; ".join(found)


def _reads(path: str, value: str) -> bool:
    try:
        return Path(path).read_text(encoding="ascii").strip() == value
    except OSError:
        return False
