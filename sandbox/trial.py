"""One trial from specification to measurement, in a process of its own.

It comes in two messages: the setting, from which the world is built up to its gate, and the order with the
draft, which opens the gate; so a world can stand ready before its draft is known. Order, and with it the
guarantee: everything the trial started is dead before a frozen file is looked at, a result is read, and the
answer is sent; what is left of its world is gone before the connection ends. A trial that nobody waits for any
more ends in the same way.
"""

import os
import resource
import signal
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from . import backends, cache_store, caches, inputs, kernel, limits, overlay, process, results, scratch, watch, wire
from .errors import SandboxError
from .log import Log
from .ready import Ready, StaleError, prepare
from .spec import Measurement, TrialSpec


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended, before anything that it left was looked at."""

    end: watch.End
    status: int
    seconds: float
    seen: int
    stdout: bytes


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
    owner = limits.private_uid() if backend.drops_user else None
    folder = scratch.make(setting.scratch, owner, entered=backend.enters)
    group = limits.group(setting.limits)
    try:
        ready = prepare(setting, backend, folder, group, sock, parent)
        measured = _in_world(ready, backend, folder, (sock.fileno(), parent))
        _send(sock, {"measurement": asdict(measured) | {"metrics": dict(measured.metrics)}})
    finally:
        process.kill_all()
        if group is not None:
            group.remove()
        caches.unmount(setting, folder)
        inputs.unmount(folder)
        overlay.unmount(folder)
        scratch.clear(folder)


def _in_world(
    ready: Ready, backend: backends.Backend, folder: scratch.Folder, lifelines: tuple[int, ...]
) -> Measurement:
    spec, world, measure = ready.spec, ready.world, ready.gauge
    log = Log(spec.log, spec.limits.log_bytes)
    run = _run(ready, log, lifelines)
    if run.end.ending == "exit" and (fault := world.fault()):
        raise SandboxError(f"{fault}: {_last_line(spec.log)}")
    touched = world.touched()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, signal_name = _ended(run, shells=world.shells)
    measured = Measurement(
        outcome="ok",
        reason="",
        metrics={},
        seconds=run.seconds,
        cpu_seconds=max(used.ru_utime + used.ru_stime, measure.cpu_seconds),
        peak_memory_bytes=max(used.ru_maxrss * 1024, measure.peak_memory_bytes),
        exit_code=code,
        signal=signal_name,
        output_bytes=run.seen,
        touched=touched,
        backend=backend.name,
        level=backend.level,
    )
    judged = results.judged(spec, folder, measured, run.end, run.stdout)
    return cache_store.keep(spec, folder, world.caches, judged)


def _run(ready: Ready, log: Log, lifelines: tuple[int, ...]) -> Run:
    spec, running, measure = ready.spec, ready.running, ready.gauge
    seen = watch.Output(log, spec.limits.output_bytes)
    started = time.monotonic()
    try:
        measure.begin(len(spec.target_text.encode()))
        running.release()
        end = watch.watch(running, seen, spec.limits, lifelines, started, measure)
        seconds = time.monotonic() - started
        ended = process.kill_all()
        seen.drain(running)
    finally:
        log.close()
    if end.ending == "abandoned":
        raise SandboxError("the trial was stopped because nobody waits for its result any more")
    if end.ending == "exit":
        end = watch.End("output") if seen.full else watch.End("exit", measure.last_look())
    return Run(end, ended[running.pid], seconds, seen.seen, bytes(seen.stdout))


def _ended(run: Run, *, shells: bool) -> tuple[int | None, str | None]:
    """Return exit code and signal name; a trial that Referee stopped has neither code nor merit."""
    code = os.waitstatus_to_exitcode(run.status)
    if run.end.ending != "exit":
        return None, "SIGKILL"
    number = -code if code < 0 else code - 128 if shells else 0
    if number > 0 and number in signal.valid_signals():
        return None, signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return code, None


def _last_line(path: str) -> str:
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 1000))
        lines = file.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
