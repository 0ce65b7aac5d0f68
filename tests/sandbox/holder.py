"""A process that holds a Launcher, seen from outside: trials are ordered and answered, and it may be killed."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from referee.sandbox import wire
from referee.sandbox.spec import TrialSpec

from . import witness
from .conftest import Lab

_SCRIPT = str(Path(__file__).with_name("holder_process.py"))


@dataclass(frozen=True, slots=True)
class Holder:
    """One such process."""

    lab: Lab
    process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    def order(self, spec: TrialSpec) -> None:
        """Have it start a trial."""
        request = self.lab.base / "request.json"
        request.write_bytes(wire.encode(wire.spec_message(spec)))
        assert self.process.stdin is not None
        self.process.stdin.write(os.fsencode(request) + b"\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, str]:
        """Wait for what became of the trial: its `outcome` (`fault` without a result) and the `reason`."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], witness.PATIENCE)
        assert ready, "no answer"
        found: dict[str, str] = json.loads(self.process.stdout.readline())
        return found

    def run(self, spec: TrialSpec) -> str:
        """Run a trial to its end and return its outcome."""
        self.order(spec)
        return self.answer()["outcome"]

    def end(self) -> None:
        """End it as a server ends whose client has gone."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(witness.PATIENCE)


@contextmanager
def holding(lab: Lab) -> Generator[Holder]:
    """Start one; it is dead at the end, however the test went."""
    command = [sys.executable, _SCRIPT, lab.key]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Holder(lab, process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
