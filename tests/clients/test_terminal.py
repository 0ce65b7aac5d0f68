"""Claude Code at a terminal, as `referee agent` starts it for a person."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.bench import PATIENCE, Bench, Sit
from tests.clients.seats import CLAUDE

pytestmark = pytest.mark.clients

PROMPT = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}".encode()


def _trust(project: Path) -> None:
    """As the person who answered Claude Code's first questions about this folder."""
    file = Path.home() / ".claude.json"
    seen = json.loads(file.read_text(encoding="utf-8"))
    seen["projects"] = {str(project): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}}
    file.write_text(json.dumps(seen), encoding="utf-8")


class Terminal:
    """A terminal with a program in it."""

    def __init__(self, words: list[str]) -> None:
        self._ours, theirs = pty.openpty()
        self.screen = b""
        self.process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)

    def read_until(self, true: Callable[[], object]) -> None:
        """Show what the program writes until something is true, for a bounded time."""
        assert self.shows(true, PATIENCE), self.screen[-3000:].decode(errors="replace")

    def shows(self, true: Callable[[], object], seconds: float) -> bool:
        """Show what the program writes until something is true or the time is over; return whether it is true."""
        limit = time.monotonic() + seconds
        while not true() and time.monotonic() < limit:
            if select.select([self._ours], [], [], 0.1)[0]:
                self.screen += os.read(self._ours, 65536)
        return bool(true())

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._ours, keys)

    def close(self) -> None:
        """Hang up."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


def test_a_person_types_go_and_a_trial_is_kept(sit: Sit) -> None:
    script = [CLAUDE.call("read_program"), CLAUDE.call("run_trial", description="better", content="echo loss: 2\n")]
    bench = sit(CLAUDE, script)
    _trust(bench.project)
    terminal = Terminal([sys.executable, "-m", "referee", "agent", "--repo", str(bench.project)])
    try:
        terminal.read_until(lambda: PROMPT in terminal.screen)
        limit = time.monotonic() + PATIENCE
        while not bench.stub.log.requests:  # a turn that begins before the server is there has no tools, and ends
            assert time.monotonic() < limit, terminal.screen[-3000:].decode(errors="replace")
            _go(terminal, bench)
        terminal.read_until(lambda: len(bench.stub.log.shown) == len(script))
        trial = bench.answers[-1]
        assert trial["decision"] == "keep"
    finally:
        terminal.close()
    bench.nothing_lives()


def _go(terminal: Terminal, bench: Bench) -> None:
    """Type it, and wait for its turn; keys that come while another turn begins or ends may be lost."""
    terminal.screen = b""
    terminal.type(b"go")
    terminal.shows(lambda: b"go" in terminal.screen, 5)
    terminal.type(b"\r")
    terminal.shows(lambda: bench.stub.log.requests or b"done" in terminal.screen, 10)
