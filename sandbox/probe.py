"""Try a backend for real: one small trial that attempts what a trial must not be able to do.

Guarantee: a protection that is called enforced was attacked a moment ago, from inside, and held; where the
attack leaves a trace on the outside (a file, a packet, a connection), the trace decides, not the attacker's word.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import cgroup_v1, remedies, report, seccomp
from .scratch import reachable
from .spec import Level, Limits, Measurement, TrialSpec
from .witness import Outside
from .world import Places, environment

Run = Callable[[TrialSpec, str], Awaitable[Measurement]]

_SECONDS = 20.0
_OTHER_PYTHON = "/usr/bin/python3"
_SETTINGS = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger")
_CALLS = ("unshare", "userfaultfd", "shmget", "mq_open", "add_key", "keyctl")
_WORKED, _UNTRIED = 1, 2


@dataclass(frozen=True, slots=True)
class Findings:
    """The attacks that worked, by the word of the outside where it has one, and those that could not be tried."""

    holes: frozenset[str]
    untried: frozenset[str] = frozenset()


def specification(target: Outside, top: Path) -> TrialSpec:
    """Return the trial that attacks `target`; its files lie in `top`."""
    spec = script("canary.py", top, Limits(wall_seconds=_SECONDS))
    told = json.dumps(_told(target, spec))
    return replace(spec, argv=(*spec.argv, told), metrics=tuple(report.ATTACKS))


def script(name: str, top: Path, limits: Limits) -> TrialSpec:
    """Return a trial whose target is a script of this folder, without arguments; its files lie in `top`."""
    python, readable = interpreter()
    for folder in ("snapshot", "project"):
        (top / folder).mkdir(exist_ok=True)
        (top / folder).chmod(0o777)
    return TrialSpec(
        snapshot=str(top / "snapshot"),
        root=str(top / "project"),
        cwd=str(top / "project"),
        target="probe.py",
        target_text=Path(__file__).with_name(name).read_text(encoding="utf-8"),
        target_mode=0o644,
        argv=(python, "-I", "-S", "-B", "probe.py"),
        env={},
        readable=readable,
        network=False,
        minimum=Level.NONE,
        limits=limits,
        metrics=(),
        scratch=str(top / "scratch"),
        log=str(top / "log"),
    )


def _told(target: Outside, spec: TrialSpec) -> dict[str, Any]:
    """Return what the attacker is told of the machine, so that nothing fails for want of knowing it."""
    table = seccomp.TABLES.get(os.uname().machine)
    numbers = {name: table.denied[name] for name in _CALLS} | {"io_uring_setup": seccomp.IO_URING[0]} if table else {}
    return {
        "outside": str(target.folder),
        "token": target.token,
        "key": target.key,
        "tcp": target.tcp.getsockname()[1],
        "udp": target.udp.getsockname()[1],
        "server": os.getpid(),
        "born": _born(),
        "settings": _SETTINGS,
        "groups": [f"{folder}/cgroup.procs" for folder in cgroup_v1.own().values()],
        "numbers": numbers,
        "variables": [*environment(spec, Places("", "", "")), "PWD"],
        "crash": not remedies.crash_reader(),
    }


def _born() -> int:
    """Return when this process started, in clock ticks: with its number it names it for good."""
    return int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])


def interpreter() -> tuple[str, tuple[str, ...]]:
    """Return a Python that any user can start, and what must be readable for it."""
    own = os.path.realpath(sys.executable)
    if os.geteuid() == 0 and not reachable(own) and Path(_OTHER_PYTHON).is_file():
        return _OTHER_PYTHON, ()
    return own, (os.path.realpath(sys.base_prefix),)


def findings(target: Outside, run: Measurement) -> Findings:
    """Return what came of the attacks; what they left on the outside is removed."""
    traces = target.witnessed()
    holes = {name for name in report.ATTACKS if traces.get(name, run.metrics[name] == _WORKED)}
    return Findings(frozenset(holes), frozenset(name for name in report.ATTACKS if run.metrics[name] == _UNTRIED))
