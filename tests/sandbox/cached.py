"""Trials with two caches, one in the home and one in the project, and what lies in their stores."""

from pathlib import Path
from typing import Any

from referee.sandbox.spec import Cache, Measurement, TrialSpec

from .conftest import Lab

# One in the home, one in the project, both below folders that are not there before.
PRELUDE = """
import os, shutil, stat
from pathlib import Path
HOME, PROJECT = Path.home() / "deep/.kernels", Path("build/.jit").absolute()
def tree(top):
    return sorted(str(p.relative_to(top)) for p in top.rglob("*"))
"""
FILL = """
for top in (HOME, PROJECT):
    assert tree(top) == [], tree(top)
    (top / "sub").mkdir()
    (top / "sub/kernel.so").write_text("compiled")
    (top / "tool").write_text("#!/bin/sh")
    (top / "tool").chmod(0o755)
    os.utime(top / "tool", (1000, 1000))
"""
KEPT = ["sub", "sub/kernel.so", "tool"]


def stores(lab: Lab) -> list[Path]:
    return [lab.base / "state" / "caches" / str(number) for number in range(2)]


def spec(lab: Lab, code: str, **changes: Any) -> TrialSpec:
    home, project = stores(lab)
    caches = (Cache("home", "deep/.kernels", str(home)), Cache("project", "build/.jit", str(project)))
    return lab.spec(PRELUDE + code, **{"caches": caches, **changes})


def run(lab: Lab, code: str, **changes: Any) -> Measurement:
    return lab.measure(spec(lab, code, **changes))


def succeed(lab: Lab, code: str, **changes: Any) -> None:
    measured = run(lab, code, **changes)
    assert measured.outcome == "ok", measured.reason + lab.said()
    assert (measured.touched, lab.leftovers()) == ((), [])


def tree(top: Path) -> list[str]:
    return sorted(str(path.relative_to(top)) for path in top.rglob("*"))
