"""What a server found about the machine that runs its trials, as the journal holds it and people read it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..sandbox.spec import Capabilities

KIND = "protections"
UNKNOWN = "not recorded"
ENFORCED = "enforced"


def record_of(found: Capabilities) -> dict[str, Any]:
    """The data of a record of this kind: backend, level, every protection with its evidence, and what is lost."""
    return {
        "backend": found.backend,
        "level": found.level.value,
        "protections": [asdict(protection) for protection in found.protections],
        "lost": list(found.lost),
    }


def states_of(data: Mapping[str, Any]) -> dict[str, str]:
    """The state of each protection in such data, by name."""
    return {protection["name"]: protection["state"] for protection in data["protections"]}


def summary(states: Mapping[str, str]) -> str:
    """How many protections are enforced, and what the others are; `UNKNOWN` where there are none."""
    if not states:
        return UNKNOWN
    weak = [f"{name} {state}" for name, state in states.items() if state != ENFORCED]
    if not weak:
        return f"all {len(states)} protections enforced"
    return f"{len(states) - len(weak)} of {len(states)} protections enforced; {', '.join(weak)}"
