"""One trial from specification to measurement, in a process of its own.

Order, and with it the guarantee: everything the trial started is dead before a frozen file is looked
at, a result is read, the folder is removed and the answer is sent. A trial that nobody waits for
any more is killed and removed in the same way.
"""

import os
import resource
import signal
import socket
import time
from dataclasses import asdict, dataclass
from typing import Any

from . import backends, kernel, limits, overlay, process, results, scratch, watch, wire
from .errors import SandboxError
from .log import Log
from .spec import Measurement, TrialSpec
from .world import World


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended, before anything that it left was looked at."""

    ending: watch.Ending
    status: int
    seconds: float
    seen: int
    stdout: bytes


def answer(sock: socket.socket, parent: int) -> None:
    """Receive one request, carry it out, and send the answer; every known fault is an answer too.

    Args:
        sock: Connection to the server; its end is the order to stop.
        parent: Descriptor that becomes readable when the supervisor has died.
    """
    message = wire.receive(sock)
    if not message:
        return
    reply: dict[str, Any]
    try:
        spec = wire.spec_of(message["spec"])
        measurement = _measure(spec, backends.BACKENDS[message["backend"]], (sock.fileno(), parent))
        reply = {"measurement": asdict(measurement) | {"metrics": dict(measurement.metrics)}}
    except SandboxError as error:
        reply = {"fault": str(error)}
    except OSError as error:
        reply = {"fault": f"the sandbox could not run the trial: {error}"}
    try:
        sock.sendall(wire.encode(reply))
    except (BrokenPipeError, ConnectionResetError):
        return


def _measure(spec: TrialSpec, backend: backends.Backend, lifelines: tuple[int, ...]) -> Measurement:
    limits.apply()
    kernel.become_subreaper()
    folder = scratch.make(spec.scratch, limits.private_uid() if backend.drops_user else None, entered=backend.enters)
    try:
        return _in_folder(spec, backend, folder, lifelines)
    finally:
        process.kill_all()
        overlay.unmount(folder)
        scratch.clear(folder)


def _in_folder(
    spec: TrialSpec, backend: backends.Backend, folder: scratch.Folder, lifelines: tuple[int, ...]
) -> Measurement:
    world = backend.build(spec, folder)
    kernel.hide_memory()
    log = Log(spec.log, spec.limits.log_bytes)
    run = _run(spec, world, folder, log, lifelines)
    if run.ending == "exit" and (fault := world.fault()):
        raise SandboxError(f"{fault}: {_last_line(spec.log)}")
    touched = world.touched()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, signal_name = _ended(run, shells=world.shells)
    measured = Measurement(
        outcome="ok",
        reason="",
        metrics={},
        seconds=run.seconds,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_memory_bytes=used.ru_maxrss * 1024,
        exit_code=code,
        signal=signal_name,
        output_bytes=run.seen,
        touched=touched,
        backend=backend.name,
        level=backend.level,
    )
    return results.judged(spec, folder, measured, run.ending, run.stdout)


def _run(spec: TrialSpec, world: World, folder: scratch.Folder, log: Log, lifelines: tuple[int, ...]) -> Run:
    seen = watch.Output(log, spec.limits.output_bytes)
    started = time.monotonic()
    try:
        running = process.start(world, folder.owner)
        ending = watch.watch(running, seen, spec.limits, lifelines, started)
        seconds = time.monotonic() - started
        ended = process.kill_all()
        seen.drain(running)
    finally:
        log.close()
    if ending == "abandoned":
        raise SandboxError("the trial was stopped because nobody waits for its result any more")
    if ending == "exit" and seen.full:
        ending = "output"
    return Run(ending, ended[running.pid], seconds, seen.seen, bytes(seen.stdout))


def _ended(run: Run, *, shells: bool) -> tuple[int | None, str | None]:
    """Return exit code and signal name; a trial that Referee stopped has neither code nor merit."""
    code = os.waitstatus_to_exitcode(run.status)
    if run.ending != "exit":
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
