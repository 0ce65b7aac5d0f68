"""One phase of a trial in a world that stands ready: released, watched, ended, looked through.

Guarantee: everything that the phase started is dead before a frozen file is looked at or a result is read.
"""

import os
import resource
import signal
import time
from dataclasses import dataclass

from . import backends, cache_store, jail_world, process, results, watch
from .errors import SandboxError
from .log import Log
from .output import OutputError
from .ready import Ready
from .scratch import Folder
from .spec import Measurement

_MOST_NOTES = 3
_LONGEST_NOTE = 300


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended, before anything that it left was looked at."""

    end: watch.End
    status: int
    seconds: float
    seen: int
    stdout: bytes


def carried_out(ready: Ready, backend: backends.Backend, folder: Folder, lifelines: tuple[int, ...]) -> Measurement:
    """Let a phase run and return what it measured; its folder is left as it is.

    Args:
        ready: Its world.
        backend: What confines it.
        folder: Its folder.
        lifelines: Descriptors that become readable when nobody waits for the result any more.

    Raises:
        SandboxError: it could not be run, not be proven dead, or nobody waits for it any more.
    """
    spec, world, measure = ready.spec, ready.world, ready.gauge
    log = Log(spec.log, spec.limits.log_bytes)
    run = _run(ready, log, lifelines)
    if run.end.ending == "exit" and (fault := world.fault()):
        raise SandboxError(f"{fault}: {_last_line(spec.log)}")
    touched = tuple(sorted({*world.touched(), *(ready.inner.world.touched() if ready.inner else ())}))
    measure.note_collected()
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    code, signal_name = _ended(run, shells=world.shells)
    measured = Measurement(
        outcome="ok",
        reason="",
        metrics={},
        seconds=run.seconds,
        cpu_seconds=measure.cpu_seconds,
        peak_memory_bytes=max(largest, measure.peak_memory_bytes),
        exit_code=code,
        signal=signal_name,
        output_bytes=run.seen,
        touched=touched,
        backend=backend.name,
        level=backend.level,
        notes=_refusals(ready, folder),
    )
    judged = results.judged(spec, folder, measured, run.end, run.stdout)
    if ready.inner is not None:
        return cache_store.keep(ready.inner.spec, ready.inner.folder, ready.inner.world.caches, judged)
    return cache_store.keep(spec, folder, world.caches, judged)


def _refusals(ready: Ready, folder: Folder) -> tuple[str, ...]:
    """Return what could not be carried between the command and its target, if that was noted."""
    if ready.inner is None:
        return ()
    try:
        found = results.read_back(folder.part("out"), jail_world.REFUSED) or b""
    except OutputError:
        return ()
    lines = found.decode("utf-8", "replace").splitlines()[:_MOST_NOTES]
    return tuple("".join(char if char.isprintable() else "?" for char in line)[:_LONGEST_NOTE] for line in lines)


def _run(ready: Ready, log: Log, lifelines: tuple[int, ...]) -> Run:
    spec, running, measure = ready.spec, ready.running, ready.gauge
    seen = watch.Output(log, spec.limits.output_bytes)
    started = time.monotonic()
    try:
        measure.begin(len((spec.target_text or "").encode()))
        others = (ready.inner.running,) if ready.inner else ()
        for each in (*others, running):
            each.release()
        end = watch.watch(running, seen, spec.limits, lifelines, started, measure, others)
        seconds = time.monotonic() - started
        ended = process.kill_all()
        seen.drain(running, others)
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
