"""One trial from specification to measurement, in a process of its own: one phase, or two.

It comes in two messages: the setting, from which the world is built up to its gate, and the order with the
draft, which opens the gate; so a world can stand ready before its draft is known. Order, and with it the
guarantee: everything the trial started is dead before a frozen file is looked at, a result is read, and the
answer is sent; what is left of its world is gone before the connection ends. A trial that nobody waits for any
more ends in the same way.
"""

import os
import socket
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from typing import Any

from . import (
    artifacts,
    backends,
    caches,
    inputs,
    kernel,
    lasting,
    limits,
    overlay,
    phase,
    process,
    results,
    scratch,
    shared_memory,
    wire,
)
from .cgroup import Group
from .errors import SandboxError
from .left import LeftError
from .log import redact
from .ready import Ready, StaleError, prepare, prepare_now
from .spec import Measurement, Score, TrialSpec

_NO_TIME = "no time was left for the score phase"


def answer(sock: socket.socket, parent: int) -> None:
    """Receive one setting and one order, carry them out, and send the answer; every known fault is an answer too.

    A second answer, after the measurement, says that something of the world could not be removed.

    Args:
        sock: Connection to the server; its end is the order to stop.
        parent: Descriptor that becomes readable when the supervisor has died.
    """
    message = wire.receive(sock)
    if not message:
        return
    try:
        setting = wire.spec_of(message["spec"])
        _carry_out(setting, backends.BACKENDS[message["backend"]], sock, parent)
    except StaleError as error:
        _send(sock, {"stale": str(error)})
    except SandboxError as error:
        _send(sock, {"fault": str(error)})
    except OSError as error:
        _send(sock, {"fault": f"the sandbox could not run the trial: {error}"})


def _send(sock: socket.socket, reply: dict[str, Any]) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        sock.sendall(wire.encode(reply))


def _carry_out(setting: TrialSpec, backend: backends.Backend, sock: socket.socket, parent: int) -> None:
    """Measure in a world of its own, send the measurement, and remove the world."""
    limits.apply()
    kernel.become_subreaper()
    lifelines = (sock.fileno(), parent)
    with ExitStack() as stack:
        folder, group = stack.enter_context(_ground(setting, backend, 0))
        folders: tuple[scratch.Folder, ...] = (folder,)
        if setting.jail is not None:
            jailed, _ = stack.enter_context(_ground(setting, backend, 1, grouped=False))
            folders = (folder, jailed)
        ready = prepare(setting, backend, folders, group, sock, parent)
        measured = _phase(ready, backend, folder, lifelines)
        left = ready.inner.world.left if ready.inner else ready.world.left
        unretained = lasting.collect(left, ready.spec) if measured.outcome == "ok" else ()
        if measured.outcome == "ok" and ready.spec.score is not None:
            measured = _scored(measured, ready, backend, ready.spec.score, lifelines)
        measured = results.without(lasting.concluded(ready.spec, measured, unretained), _secrets(ready.spec))
        _send(sock, {"measurement": asdict(measured) | {"metrics": dict(measured.metrics)}})


def _phase(ready: Ready, backend: backends.Backend, folder: scratch.Folder, lifelines: tuple[int, ...]) -> Measurement:
    try:
        return phase.carried_out(ready, backend, folder, lifelines)
    finally:
        redact(ready.spec.log, ready.spec.secrets)


@contextmanager
def _ground(
    spec: TrialSpec, backend: backends.Backend, number: int, *, grouped: bool = True
) -> Generator[tuple[scratch.Folder, Group | None]]:
    """Make what a phase needs, by its number in the trial, and remove it when all of the trial is dead."""
    owner = limits.private_uid(number) if backend.drops_user else None
    if owner is not None:
        shared_memory.sweep()
    folder = scratch.make(spec.scratch, owner, entered=backend.enters)
    group = limits.group(spec.limits) if grouped else None
    try:
        yield folder, group
    finally:
        process.kill_all()
        if group is not None:
            group.remove()
        if owner is not None:
            shared_memory.remove(owner)
        caches.unmount(spec, folder)
        inputs.unmount(folder)
        overlay.unmount(folder)
        scratch.clear(folder)


def _scored(
    first: Measurement, ready: Ready, backend: backends.Backend, score: Score, lifelines: tuple[int, ...]
) -> Measurement:
    """Let the second phase judge what the first one left; nothing of the first is alive."""
    ended = time.monotonic()
    spec = ready.spec
    with _ground(spec, backend, 1) as (folder, group):
        into = folder.part("artifacts")
        os.mkdir(into)
        try:
            notes = artifacts.collect(ready.world.left, spec, score, into)
        except LeftError as error:
            return replace(first, outcome="crash", reason=f"the artifacts cannot pass to the score phase: {error}")
        except OSError as error:
            return replace(first, outcome="crash", reason=f"the artifacts cannot be taken: {error.strerror}")
        built = prepare_now(scoring(spec, score, first.seconds), backend, folder, group)
        between = time.monotonic() - ended
        second = scoring(spec, score, first.seconds + between)
        if second.limits.wall_seconds <= 0:
            return replace(
                first, outcome="timeout", reason=_NO_TIME, seconds=min(first.seconds + between, score.total_seconds)
            )
        measured = _phase(replace(built, spec=second), backend, folder, lifelines)
    return results.together(spec, first, replace(measured, notes=notes), between)


def _secrets(spec: TrialSpec) -> tuple[str, ...]:
    return spec.secrets + (spec.score.secrets if spec.score else ())


def scoring(spec: TrialSpec, score: Score, used: float) -> TrialSpec:
    """Return the second phase as a trial of its own; `used` is the wall clock that the first one took."""
    wall = min(spec.limits.wall_seconds, score.total_seconds - used)
    return replace(
        spec,
        target_text=None,
        argv=score.argv,
        env=score.env,
        readable=score.readable,
        private=score.private,
        network=score.network,
        secrets=score.secrets,
        log=score.log,
        limits=replace(spec.limits, wall_seconds=wall),
        caches=(),
        fill_caches=False,
        score=None,
        retain=None,
    )
