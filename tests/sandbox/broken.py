"""Supervisors that protect less than they should: each is some Python that the supervisor runs before it serves."""

import pytest
from referee.sandbox import launch

_SERVE = "from referee.sandbox.supervisor import main; main()"

NO_FILTER = """
import struct
from referee.sandbox import seccomp
seccomp.build = lambda *_, **__: struct.pack("HBBI", 6, 0, 0, seccomp.ALLOW)
"""
NO_BOUNDS = """
from referee.sandbox import limits
limits.apply = lambda: None
limits.in_child = lambda *_: None
"""
NO_GAUGE = (
    NO_BOUNDS
    + """
from referee.sandbox import cgroup, gauge
cgroup.make = lambda *_, **__: None
gauge.Gauge.look = gauge.Gauge.last_look = lambda *_: None
"""
)


def supervise(monkeypatch: pytest.MonkeyPatch, patch: str) -> None:
    """Let every supervisor that is started from now on run this first."""
    monkeypatch.setattr(launch, "_CODE", f"{patch}\n{_SERVE}")
