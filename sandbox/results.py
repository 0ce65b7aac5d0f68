"""From the end of a run to its outcome: what was touched, how it ended, and which metrics it left."""

import os
import stat
from dataclasses import replace
from pathlib import Path

from . import documents, figures, output, reasons
from .scratch import Folder
from .spec import Breach, Measurement, Outcome, TrialSpec
from .watch import End

_FILES = ("metrics.json", "results/metrics.json", "results/correct.json", "results/reward.json", "results/reward.txt")


def judged(spec: TrialSpec, folder: Folder, run: Measurement, end: End, stdout: bytes) -> Measurement:
    """Return the measurement with its outcome and reason, and the metrics of a phase that may report.

    Nothing of the trial may be alive.
    """
    breach = end.breach or _by_kernel(spec, run)
    if breach is not None:
        run = replace(run, limit=breach.key)
    outcome, reason = _failure(spec, run, end, breach)
    if reason:
        return replace(run, outcome=outcome, reason=reason)
    if spec.score is not None:
        return run
    try:
        files = {name: data for name in _FILES if (data := read_back(folder.part("out"), name)) is not None}
        found = output.read(stdout, files, spec.metrics, _measured(run), spec.channels)
    except output.OutputError as error:
        return replace(run, outcome="crash", reason=str(error))
    return replace(run, metrics=found.metrics, channels=found.channels)


def together(spec: TrialSpec, first: Measurement, second: Measurement, between: float) -> Measurement:
    """Return the measurement of a trial whose second phase judged what the first one left.

    Time and memory as metrics are those of the first phase, in which the target ran. `between` is the wall clock from
    its end to the start of the second.
    """
    measured = {name: value for name, value in _measured(first).items() if name in spec.metrics}
    return replace(
        second,
        reason=f"score phase: {second.reason}" if second.reason else "",
        metrics={**second.metrics, **measured} if second.outcome == "ok" else {},
        seconds=first.seconds + between + second.seconds,
        cpu_seconds=first.cpu_seconds + second.cpu_seconds,
        peak_memory_bytes=max(first.peak_memory_bytes, second.peak_memory_bytes),
        output_bytes=first.output_bytes + second.output_bytes,
    )


def without(run: Measurement, secrets: tuple[str, ...]) -> Measurement:
    """Return a measurement whose words, names of metrics included, hold no secret."""
    if not secrets:
        return run

    def clean(text: str) -> str:
        for secret in sorted(secrets, key=len, reverse=True):
            for spelled in {secret, ascii(secret)[1:-1]}:
                text = text.replace(spelled, "[secret]")
        return text

    return replace(
        run,
        reason=clean(run.reason),
        notes=tuple(map(clean, run.notes)),
        metrics={clean(name): value for name, value in run.metrics.items()},
    )


def _by_kernel(spec: TrialSpec, run: Measurement) -> Breach | None:
    """Return the limit whose bound in the kernel ended the command; of processor time the gauge knows the figure."""
    if run.signal != "SIGXFSZ":
        return None
    _, allowed = figures.sizes(0, spec.limits.disk_bytes)
    return Breach("disk", "a larger file", allowed)


def _failure(spec: TrialSpec, run: Measurement, end: End, breach: Breach | None) -> tuple[Outcome, str]:
    for path in run.touched[:1]:
        more = f" (and {len(run.touched) - 1} more)" if len(run.touched) > 1 else ""
        return "crash", f"the trial changed the frozen file {path!r}{more}; only {spec.target!r} may change"
    if breach is not None:
        return "crash", reasons.exceeded(breach, killed=run.exit_code is None)
    if end.ending == "deadline":
        return "timeout", reasons.out_of_time(spec.limits)
    if end.ending == "output":
        return "crash", reasons.too_much_output(spec.limits, run.output_bytes)
    if run.signal:
        return "crash", f"the command was ended by {run.signal}"
    return ("crash", reasons.failed(spec.limits, run.exit_code, spec.log)) if run.exit_code else ("ok", "")


def _measured(run: Measurement) -> dict[str, float]:
    return {
        "wall_seconds": run.seconds,
        "cpu_seconds": run.cpu_seconds,
        "peak_memory_gb": run.peak_memory_bytes / 1e9,
    }


def read_back(folder: str, name: str) -> bytes | None:
    """Return a file that the trial left, or None if there is none.

    Raises:
        OutputError: it is a link, a device, shared with another name, or too large.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    parent = str(Path(folder, name).parent)
    try:
        top = os.open(parent, flags | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        descriptor = os.open(Path(name).name, flags, dir_fd=top)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise output.OutputError(f"{name} cannot be read: {error.strerror}; expected a plain file") from error
    finally:
        os.close(top)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(descriptor)
        raise output.OutputError(f"{name} is not a plain file of its own")
    with open(descriptor, "rb") as file:
        data = file.read(documents.LARGEST + 1)
    if len(data) > documents.LARGEST:
        raise output.OutputError(f"{name} is larger than {documents.LARGEST} bytes")
    return data
