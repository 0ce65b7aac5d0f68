"""What a person can do where this machine protects less than it could: read from the machine, not guessed."""

import os
from pathlib import Path

from . import cgroup

UNKNOWN = "no remedy is known; please report it, with what `referee check --json` prints"
STRONGER = "mend what keeps a stronger backend from being used, which is said with it"

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
_FILTERED = (
    "a system call filter holds namespaces back: start the container with --security-opt seccomp=unconfined "
    "--security-opt apparmor=unconfined, as a user other than root"
)
_RELEASE = "/etc/os-release"
_INSTALLERS = {
    "debian": "apt install",
    "ubuntu": "apt install",
    "fedora": "dnf install",
    "rhel": "dnf install",
    "arch": "pacman -S",
    "suse": "zypper install",
    "alpine": "apk add",
}
_CORE_PATTERN = "/proc/sys/kernel/core_pattern"
_STATUS = "/proc/self/status"
_PTRACE = 1 << 19


def better() -> str:
    """Return how to reach a higher level on this machine."""
    install = "" if os.path.exists("/usr/bin/bwrap") else f"install bubblewrap ({installer()} bubblewrap)"
    return "; ".join(part for part in (install, for_namespaces()) if part)


def installer(release: str = _RELEASE) -> str:
    """Return the command that installs a package on this distribution; a general word where it is not known."""
    # `ID` and `ID_LIKE` of os-release(5), the nearest first.
    fields = _fields(_read(release), "=")
    words = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    return next((_INSTALLERS[word] for word in words if word in _INSTALLERS), "with your package manager:")


def for_namespaces(
    marks: tuple[str, ...] = _CONTAINER_MARKS,
    knobs: tuple[tuple[str, str, str], ...] = _KNOBS,
    status: str = _STATUS,
) -> str:
    """Return what would let namespaces be made here, or an empty text where nothing is known to be in the way."""
    found = [remedy for path, value, remedy in knobs if _read(path).strip() == value]
    if any(Path(mark).exists() for mark in marks) and _field("Seccomp", status) not in {"", "0"}:
        found.append(_FILTERED)
    return "; ".join(found)


def for_limits(marks: tuple[str, ...] = _CONTAINER_MARKS, status: str = _STATUS) -> str:
    """Return what would let the kernel bound a trial, or every process of it be looked into."""
    found: list[str] = []
    said = cgroup.describe()
    if not said.startswith("control groups") or "do not bound memory" in said:
        found.append(f"let Referee make control groups, with which the kernel bounds a trial: {said}")
        if any(Path(mark).exists() for mark in marks):
            found.append("start the container with --cgroupns=private and a writable /sys/fs/cgroup")
    if os.geteuid() == 0 and not int(_field("CapEff", status) or "0", 16) & _PTRACE:
        found.append(
            "root without CAP_SYS_PTRACE cannot see all that processes of another user hold: start the container with "
            "--cap-add SYS_PTRACE"
        )
    return "; or ".join(found)


def for_core_dumps() -> str:
    """Return what would keep a trial's crash from being handed to a program of the machine."""
    reader = crash_reader()
    return f"crashes go to {reader}, whatever their limit: sudo sysctl -w kernel.core_pattern=core" if reader else ""


def crash_reader(pattern: str = _CORE_PATTERN) -> str:
    """Return the program that the kernel hands core dumps to, an empty text if they become files; see core(5)."""
    found = _read(pattern).strip()
    return found[1:].split()[0] if found.startswith("|") else ""


def _field(name: str, status: str = _STATUS) -> str:
    """Return a field of /proc/PID/status, an empty text if it is not there."""
    return _fields(_read(status), ":").get(name, "").strip()


def _fields(text: str, separator: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition(separator) for line in text.splitlines())}


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
