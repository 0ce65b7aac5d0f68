"""What a probe found, in words: one protection per promise, with its evidence and what would raise it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import remedies
from .backends import Backend
from .spec import Level, Protection


@dataclass(frozen=True, slots=True)
class _Promise:
    """A protection and the attacks on it, each with what it would let a trial do.

    Attributes:
        name: In people's words.
        fatal: Attacks of which one is enough to leave no protection.
        minor: Attacks that leave some of it.
        remedy: What to do about it; by default whatever leads to a better backend.
    """

    name: str
    fatal: Mapping[str, str] = field(default_factory=dict[str, str])
    minor: Mapping[str, str] = field(default_factory=dict[str, str])
    remedy: Callable[[], str] = remedies.better


_PROMISES = (
    _Promise(
        "files outside",
        {"wrote_outside": "write a file outside"},
        {"changed_mode_outside": "change the mode of a file outside"},
    ),
    _Promise("private reads", {"read_private": "read a file outside"}),
    _Promise(
        "names outside",
        {"listed_private": "list a folder outside"},
        {"saw_private": "see the size and times of a file outside"},
    ),
    _Promise("network", {
        "reached_tcp": "connect to a TCP port",
        "reached_udp": "send to a UDP port",
        "reached_unix": "connect to a Unix socket",
        "made_hypervisor_socket": "make a socket to the hypervisor",
    }),
    _Promise(
        "processes outside",
        {"signalled_server": "signal the server", "saw_server_files": "see what the server has open"},
        {"saw_server": "see the server's process"},
    ),
    _Promise("privileges", {
        "had_privileges": "have a capability or be root",
        "opened_kernel_settings": "open the kernel's settings for writing",
        "opened_control_groups": "open control groups for writing",
    }),
    _Promise("namespaces", {"made_namespace": "make a user namespace"}),
    _Promise("system calls", minor={
        "opened_io_uring": "open an io_uring",
        "opened_userfaultfd": "open a userfaultfd",
    }),
    _Promise("environment", {
        "saw_variable": "see a variable that it was not given",
        "read_server_environment": "read the server's environment",
    }),
    _Promise("leftovers", minor={
        "left_shared_memory": "leave a file in shared memory",
        "left_system_v": "leave a System V segment",
        "left_queue": "leave a message queue",
        "left_key": "leave a key in a keyring",
    }),
    _Promise("core dumps", {"dumped_core": "leave a core dump"}, remedy=remedies.for_core_dumps),
)  # fmt: skip

ATTACKS: Mapping[str, str] = {
    name: words for promise in _PROMISES for name, words in {**promise.fatal, **promise.minor}.items()
}

# What a backend of a level must stop to be used as that level at all.
_ESSENTIAL = frozenset({
    "wrote_outside", "read_private", "listed_private", "reached_tcp", "reached_udp", "reached_unix",
    "saw_server_files", "read_server_environment", "had_privileges", "opened_kernel_settings",
    "opened_control_groups", "saw_variable",
})  # fmt: skip


def broken(backend: Backend, holes: frozenset[str]) -> frozenset[str]:
    """Return the attacks that a backend let through although its level promises to stop them."""
    return frozenset() if backend.level is Level.NONE else holes & _ESSENTIAL


def protections(backend: Backend, holes: frozenset[str], untried: frozenset[str]) -> tuple[Protection, ...]:
    """Return every protection that the canary trial attacked, those that are missing included."""
    return tuple(_said(promise, backend, holes, untried) for promise in _PROMISES)


def _said(promise: _Promise, backend: Backend, holes: frozenset[str], untried: frozenset[str]) -> Protection:
    attacks = {**promise.fatal, **promise.minor}
    worked = [words for name, words in attacks.items() if name in holes]
    unknown = [words for name, words in attacks.items() if name in untried - holes]
    refused = [words for name, words in attacks.items() if name not in holes | untried]
    evidence = "; ".join(
        f"{start} {', '.join(words)}"
        for start, words in (("it could", worked), ("not tried:", unknown), ("tried and refused:", refused))
        if words
    )
    if not worked and not unknown:
        return Protection(promise.name, "enforced", evidence)
    lost = holes & promise.fatal.keys() or len(worked) == len(attacks)
    return Protection(promise.name, "absent" if lost else "partial", evidence, _remedy(promise, backend))


def _remedy(promise: _Promise, backend: Backend) -> str:
    if promise.remedy is not remedies.better:
        return promise.remedy() or remedies.UNKNOWN
    return remedies.UNKNOWN if backend.level is Level.ISOLATED else remedies.better() or remedies.STRONGER
