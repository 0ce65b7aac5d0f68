"""What a probe found, in words: one protection per promise, with its evidence and what would raise it."""

import os

from . import remedies
from .backends import Backend
from .spec import Level, Protection

# What a backend of a level must stop to be used as that level at all.
_ESSENTIAL = frozenset({
    "wrote_outside", "read_private", "reached_tcp", "reached_udp", "reached_unix", "read_server_environment",
    "had_privileges", "saw_secret_variable",
})  # fmt: skip


def broken(backend: Backend, holes: frozenset[str]) -> frozenset[str]:
    """Return the attacks that a backend let through although its level promises to stop them."""
    return frozenset() if backend.level is Level.NONE else holes & _ESSENTIAL


def protections(backend: Backend, holes: frozenset[str]) -> tuple[Protection, ...]:
    """Return every protection of this machine, those that are missing included."""
    remedy = "" if backend.level is Level.ISOLATED else better()
    return (
        _tried("files", holes, {"wrote_outside"}, {"changed_mode_outside"}, remedy),
        _tried("private reads", holes, {"read_private"}, set(), remedy),
        _tried("network", holes, {"reached_tcp", "reached_udp", "reached_unix"}, set(), remedy),
        _tried("processes", holes, {"signalled_server"}, {"saw_server"}, remedy),
        _tried("privileges", holes, {"had_privileges"}, set(), remedy),
        _tried("environment", holes, {"saw_secret_variable"}, {"read_server_environment"}, remedy),
        Protection("time", "enforced", "killed from outside at the limit, signals cannot delay it"),
        Protection("output", "enforced", "counted while it is read, killed at the limit"),
        Protection("survivors", "enforced", "a result is given only when the kernel shows no process left"),
        Protection("memory", "absent", "not limited", "set a limit on the container or session that runs Referee"),
        Protection("process count", "absent", "not limited", "set a limit on the container or session"),
        Protection("disk", "absent", "not limited; everything a trial wrote is removed after it", "use a quota"),
    )


def _tried(name: str, holes: frozenset[str], fatal: set[str], minor: set[str], remedy: str) -> Protection:
    worked = sorted(holes & (fatal | minor))
    if not worked:
        return Protection(name, "enforced", "attacked from inside; every attempt was refused")
    what = ", ".join(attack.replace("_", " ") for attack in worked)
    return Protection(name, "absent" if holes & fatal else "partial", f"attacked from inside: {what}", remedy)


def better() -> str:
    """Return how to reach a higher level on this machine."""
    blocked = remedies.for_namespaces()
    install = "" if os.path.exists("/usr/bin/bwrap") else "install bubblewrap (apt install bubblewrap)"
    return "; ".join(part for part in (install, blocked) if part)
