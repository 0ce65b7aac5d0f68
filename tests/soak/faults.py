"""The faults of the table that are no kill: each is one scenario, and runs on ground of its own."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from . import disks, machine
from .findings import Finding, Tally
from .player import seeded

Scenario = Callable[[Path, random.Random], list[Finding]]
FAULTS: Mapping[str, Scenario] = {
    "disk of the state full": disks.full_state,
    "disk of the repository full": disks.full_repository,
    "disk of the state read-only": disks.read_only_state,
    "disk of the repository read-only": disks.read_only_repository,
    "disk fails under the server": disks.failing_disk,
    "file descriptors run out": machine.no_descriptors,
    "too few descriptors from the start": machine.few_descriptors,
    "power cut at any byte": machine.power_cut,
    "journal damaged inside": machine.damaged,
}
_ROOT = Path(__file__).resolve().parents[2]
_APART = ("unshare", "--mount", "--propagation", "private")
_PATIENCE = 600.0


def missing(name: str) -> str:
    """Why a fault cannot be made here; empty if it can."""
    if FAULTS[name].__module__ != disks.__name__:
        return ""
    done = subprocess.run([*_APART, "true"], capture_output=True, text=True, encoding="utf-8", check=False)
    return f"needs a mount namespace of its own: {done.stderr.strip()}" if done.returncode else ""


def tried(name: str, ground: Path, seed: int = 0) -> Tally:
    """Put a session through one fault, in a process that may mount what it likes."""
    words = [*_APART, sys.executable, "-m", "tests.soak.faults", name, str(ground), str(seed)]
    apart = words if FAULTS[name].__module__ == disks.__name__ else words[len(_APART) :]
    done = subprocess.run(
        apart, cwd=_ROOT, capture_output=True, text=True, encoding="utf-8", check=False, timeout=_PATIENCE
    )
    if done.returncode:
        raise RuntimeError(f"{name}: the scenario itself failed:\n{done.stderr[-4000:]}")
    tally = Tally()
    tally.add(Finding(**found) for found in json.loads(done.stdout))
    return tally


if __name__ == "__main__":
    _, chosen, place, seed_of_it = sys.argv
    findings = FAULTS[chosen](Path(place), seeded(seed_of_it))
    sys.stdout.write(json.dumps([asdict(finding) for finding in findings]))
