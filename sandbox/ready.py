"""A trial's world built as far as its gate, and kept there until its order comes.

Guarantee: what the order starts is what the setting says; a world that shows something which was replaced meanwhile is
of no use. Nothing of the target has run before `prepare` returns.
"""

import os
import select
import socket
from dataclasses import dataclass, replace
from typing import Any

from . import backends, jail_world, kernel, process, wire
from .cgroup import Group
from .errors import SandboxError
from .gauge import Gauge
from .scratch import Folder
from .spec import Jail, TrialSpec
from .world import World

# bubblewrap's own processes around the command: one outside, and the first one of the process namespace.
_BUBBLEWRAPS = 2


class StaleError(SandboxError):
    """The world that was built is of no use; nothing was run in it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A trial whose command waits at its gate, with the draft in place, and what will measure it."""

    spec: TrialSpec
    world: World
    running: process.Running
    gauge: Gauge
    inner: "Inner | None" = None


@dataclass(frozen=True, slots=True)
class Inner:
    """The jail in which the target's code runs for a command that only calls it."""

    spec: TrialSpec
    world: World
    running: process.Running
    folder: Folder


def prepare(
    setting: TrialSpec,
    backend: backends.Backend,
    folders: tuple[Folder, ...],
    group: Group | None,
    sock: socket.socket,
    parent: int,
) -> Ready:
    """Build the world, have the command wait at its gate, and return when the order has come.

    Args:
        setting: All of the trial that is known beforehand.
        backend: What confines it.
        folders: The trial's folder, and that of its jail if it has one.
        group: Its control group, if one can be made.
        sock: Where the order will come from; its end means that nobody wants the world.
        parent: Descriptor that becomes readable when the supervisor has died.

    Raises:
        StaleError: the world cannot be built or used, or nobody wants it any more; nothing was run.
    """
    try:
        shown = _identities(setting)
        built = _built(setting, backend, folders, group)
        spec = wire.ordered(setting, _order(sock, parent, built.running))
        for path, identity in _identities(setting).items():
            if shown[path] != identity:
                raise StaleError(f"{path} was replaced while the trial was prepared")
        built = _placed(built, spec)
    except SandboxError as error:
        raise StaleError(str(error)) from error
    except OSError as error:
        raise StaleError(f"the sandbox could not be built: {error}") from error
    return built


def prepare_now(spec: TrialSpec, backend: backends.Backend, folder: Folder, group: Group | None) -> Ready:
    """Build the world of a trial that is known as a whole, such as a second phase.

    Raises:
        SandboxError: it cannot be built.
        OSError: likewise.
    """
    return _placed(_built(spec, backend, (folder,), group), spec)


def _placed(built: Ready, spec: TrialSpec) -> Ready:
    """Put the draft in its place; the whole specification is known now."""
    if built.inner is None:
        built.world.place(spec)
        return replace(built, spec=spec)
    inner = replace(built.inner.spec, target_text=spec.target_text, limits=spec.limits)
    built.inner.world.place(inner)
    built.world.place(jail_world.with_standin(spec, built.world))
    outer = replace(spec, caches=(), fill_caches=False)
    return replace(built, spec=outer, inner=replace(built.inner, spec=inner))


def _built(spec: TrialSpec, backend: backends.Backend, folders: tuple[Folder, ...], group: Group | None) -> Ready:
    folder, inner = folders[0], None
    if spec.jail is not None:
        inner = _jailed(spec, spec.jail, backend, folders, group)
        spec = replace(spec, caches=(), fill_caches=False)
    world = backend.build(spec, folder)
    kernel.hide_memory()
    running = process.start(world, folder.owner, spec.limits, group)
    worlds = [world, *([inner.world] if inner else [])]
    helpers = sum(_BUBBLEWRAPS for each in worlds if each.shells)
    written = tuple(path for each in worlds for path in each.written)
    memory = tuple(path for each in worlds for path in each.memory_mounts)
    owners = tuple(each.owner for each in folders if each.owner is not None)
    gauge = Gauge(spec.limits, written, memory, group, owners=owners, helpers=helpers)
    return Ready(spec, world, running, gauge, inner)


def _jailed(
    spec: TrialSpec, jail: Jail, backend: backends.Backend, folders: tuple[Folder, ...], group: Group | None
) -> Inner:
    outside, folder = folders
    inside = jail_world.specification(spec, jail, jail_world.open_link(outside))
    world = backend.build(inside, folder)
    kernel.hide_memory()
    return Inner(inside, world, process.start(world, folder.owner, spec.limits, group), folder)


def _identities(setting: TrialSpec) -> dict[str, tuple[int, int] | None]:
    """Return which files the paths that are mounted stand for now; None for a path that is not there."""
    found: dict[str, tuple[int, int] | None] = {}
    later = (setting.score.private, *setting.score.readable) if setting.score else ()
    jailed = (setting.jail.snapshot, *setting.jail.readable) if setting.jail else ()
    stores = (cache.store for cache in setting.caches)
    for path in filter(None, (setting.snapshot, setting.private, *setting.readable, *stores, *later, *jailed)):
        try:
            status = os.stat(path)
        except OSError:
            found[path] = None
        else:
            found[path] = status.st_dev, status.st_ino
    return found


def _order(sock: socket.socket, parent: int, running: process.Running) -> dict[str, Any]:
    """Wait for the order; a world that breaks down meanwhile is of no use to anybody."""
    poller = select.poll()
    for descriptor in (sock.fileno(), parent, running.watch):
        poller.register(descriptor, select.POLLIN)
    ready = {descriptor for descriptor, _ in poller.poll()}
    if sock.fileno() in ready:
        if message := wire.receive(sock):
            return message
        raise StaleError("nobody waits for the trial any more")
    if parent in ready:
        raise StaleError("the supervisor has died")
    raise SandboxError("the prepared world broke down before its trial came")
