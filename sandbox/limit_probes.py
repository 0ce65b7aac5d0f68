"""Try every limit for real: small trials, run together, that each go beyond one limit and must be ended for it.

Guarantee: a limit that is called enforced ended such a trial, or the kernel refused it more. Evidence is what the host
measured, never the trial's word for it. Each trial ends by itself within seconds where nothing ends it.
"""

import json
import os
import secrets
import signal
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from . import figures, gauge, probe, remedies
from .errors import SandboxError
from .held import content
from .probe import Run
from .spec import Limits, Measurement, Protection

_TOKEN = "referee-probe"  # noqa: S105 - the beginning of a name
_SECONDS, _WALL = 2.0, 30.0
_MB = 1_000_000
_ROOM = Limits(wall_seconds=_WALL)
_SHORT = 0.4
_LITTLE = 64_000


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One trial: what it does (a name in `overuse.WAYS`, and in words), how much of it, and within which limits."""

    what: str
    words: str
    amount: int
    limits: Limits
    limit: str = ""


@dataclass(frozen=True, slots=True)
class _Limit:
    """A protection, the attempt that it must end, and one that shows whether there is a way around it."""

    name: str
    attempt: _Attempt
    around: _Attempt | None = None
    remedy: Callable[[], str] = str


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of an attempt; `held` is None where it could not be made."""

    held: bool | None
    evidence: str


def _memory(what: str, words: str) -> _Attempt:
    return _Attempt(what, words, 80 * _MB, replace(_ROOM, memory=40 * _MB), "memory")


def _disk(what: str, words: str) -> _Attempt:
    return _Attempt(what, words, 16 * _MB, replace(_ROOM, disk_bytes=4 * _MB), "disk")


_LIMITS = (
    _Limit("time", _Attempt("time", "stay, deaf to signals", 0, replace(_ROOM, wall_seconds=_SHORT), "time")),
    _Limit("output", _Attempt("output", "print 4 MB", 4 * _MB, replace(_ROOM, output_bytes=_LITTLE), "output")),
    _Limit("survivors", _Attempt("survivor", "leave a deaf daemon behind", 0, _ROOM, "survivors")),
    _Limit(
        "memory",
        _memory("memory", "take 80 MB"),
        _memory("memory file", "take 80 MB as a file without a name"),
        remedies.for_limits,
    ),
    _Limit(
        "process count",
        _Attempt("processes", "have 48 children", 48, replace(_ROOM, processes=16), "processes"),
        remedy=remedies.for_limits,
    ),
    _Limit(
        "processor time",
        _Attempt("processor time", "compute in two processes", 0, replace(_ROOM, cpu_seconds=0.2), "cpu"),
        remedy=remedies.for_limits,
    ),
    _Limit(
        "disk",
        _disk("disk", "fill 16 MB"),
        _disk("unnamed", "fill 16 MB in a file without a name"),
        remedies.for_limits,
    ),
    _Limit("file count", _Attempt("files", "make 64 files", 64, replace(_ROOM, files=16), "files")),
    _Limit(
        "open files",
        _Attempt("open files", "have 96 files open", 96, replace(_ROOM, open_files=32), "open_files"),
        remedy=remedies.for_limits,
    ),
)
# Nobody asks for these by a key of the contract.
_ALWAYS = ("time", "output", "survivors")
NAMES = tuple(limit.name for limit in _LIMITS)
KEYS: Mapping[str, str] = {limit.attempt.limit: limit.name for limit in _LIMITS if limit.name not in _ALWAYS}


async def probed(run: Run, backend: str) -> tuple[tuple[Protection, ...], bool]:
    """Try every limit in a backend, by its key in `BACKENDS`; return what holds, and whether all could be tried.

    What was not ended among all the others is tried once more, so that a busy machine is not taken for a weak one.
    """
    attempts = [attempt for limit in _LIMITS for attempt in (limit.attempt, limit.around) if attempt]
    with _ground() as top:
        results = await _together(run, backend, attempts, top)
        results |= await _together(run, backend, [each for each in attempts if not results[each.what].held], top)
    protections = tuple(_said(limit, results) for limit in _LIMITS)
    return protections, all(result.held is not None for result in results.values())


@contextmanager
def _ground() -> Generator[Path]:
    """Yield an empty folder that every user can enter."""
    with tempfile.TemporaryDirectory(prefix="referee-probe-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def _together(run: Run, backend: str, attempts: list[_Attempt], top: Path) -> dict[str, _Result]:
    results: dict[str, _Result] = {}

    async def make(attempt: _Attempt) -> None:
        results[attempt.what] = await _made(run, backend, attempt, top)

    async with anyio.create_task_group() as group:
        for attempt in attempts:
            group.start_soon(make, attempt)
    return results


async def _made(run: Run, backend: str, attempt: _Attempt, top: Path) -> _Result:
    token = f"{_TOKEN}-{secrets.token_hex(8)}"
    told = json.dumps({"what": attempt.what, "amount": attempt.amount, "seconds": _SECONDS, "token": token})
    spec = probe.script("overuse.py", top, attempt.limits)
    spec = replace(spec, argv=(*spec.argv, told), metrics=("refused",), log=str(top / f"{attempt.what}.log"))
    try:
        measured = await run(spec, backend)
    except SandboxError as error:
        return _Result(None, f"could not try to {attempt.words}: {error}")
    judge = _survived if attempt.limit == "survivors" else _ended
    held, seen = judge(attempt, measured, token)
    return _Result(held, f"{'could not try' if held is None else 'tried'} to {attempt.words}: {seen}")


def _ended(attempt: _Attempt, run: Measurement, _: str) -> tuple[bool | None, str]:
    """Return whether an attempt was ended for its limit, or refused by the kernel, and what the host saw of it."""
    limits = attempt.limits
    if attempt.limit == "time" and run.outcome == "timeout":
        return True, f"killed after {run.seconds:.2f} s, {limits.wall_seconds:g} s were allowed"
    if (
        attempt.limit == "output"
        and run.signal == "SIGKILL"
        and limits.output_bytes < run.output_bytes < attempt.amount
    ):
        seen, allowed = figures.sizes(run.output_bytes, limits.output_bytes)
        return True, f"killed after {seen}, {allowed} were allowed"
    if attempt.limit == run.limit:
        how = "by its control group" if gauge.BY_GROUP in run.reason else "as measured from outside"
        return True, f"{run.reason.partition('. ')[0].rpartition('than allowed: ')[2]}, {how}"
    if run.outcome == "ok" and run.metrics["refused"] == 1:
        return True, "the kernel refused"
    return False, run.reason or f"nothing ended it within {run.seconds:.1f} s"


def _survived(_: _Attempt, run: Measurement, token: str) -> tuple[bool | None, str]:
    """Return whether nothing was left alive, None if nothing was left to begin with; what is found is killed."""
    if run.outcome != "ok" or run.metrics["refused"] == 1:
        return None, run.reason or "the kernel refused"
    found = list(_carrying(token))
    for pid in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return not found, f"alive after the result as process {found[0]}" if found else "dead when the result was there"


def _carrying(token: str) -> Iterator[int]:
    """Yield the processes with a token on their command line."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if token.encode() in content(f"/proc/{pid}/cmdline"):
                yield int(pid)


def _said(limit: _Limit, results: Mapping[str, _Result]) -> Protection:
    first = results[limit.attempt.what]
    second = results[limit.around.what] if limit.around else first
    evidence = first.evidence if limit.around is None else f"{first.evidence}; {second.evidence}"
    if first.held and second.held:
        return Protection(limit.name, "enforced", evidence)
    return Protection(limit.name, "partial" if first.held else "absent", evidence, limit.remedy() or remedies.UNKNOWN)
