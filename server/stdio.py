"""Serving on standard input and output, which belong to the protocol alone."""

import math
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import anyio
from mcp.server.stdio import stdio_server

from ..sandbox.kernel import hide_memory
from .app import build
from .wire import Answered, claimed_input

_PATIENCE = 5.0  # seconds that an orderly end may take before another signal cuts it short


async def serve(folder: Path, tag: str | None) -> None:
    """Serve one client until its input ends, until it no longer reads, or until SIGINT, SIGTERM or SIGHUP.

    A second signal right behind changes nothing: Claude Code sends two within a tenth of a second, and the orderly end
    goes on. One that comes later, because that end hangs, ends the process at once; the next start repairs.
    """
    server = build(folder, tag)
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as serving:
                tasks.start_soon(_end_on_signals, signals, serving)
                lines = claimed_input()
                async with stdio_server(lines) as (read_stream, write_stream):
                    messages = Answered(read_stream, write_stream, lines)
                    try:
                        await server.run(messages, write_stream, server.create_initialization_options())
                    except anyio.get_cancelled_exc_class():
                        _end()  # the session is closed; what reads our input can neither be cancelled nor waited for
            tasks.cancel_scope.cancel()


async def _end_on_signals(signals: AsyncIterator[signal.Signals], serving: anyio.CancelScope) -> None:
    patient_until = math.inf
    async for _ in signals:
        if anyio.current_time() > patient_until:
            _end(1)
        patient_until = min(patient_until, anyio.current_time() + _PATIENCE)
        serving.cancel()


def main(folder: Path, tag: str | None) -> NoReturn:
    """Serve, and end the process without waiting for a reader that still waits for input."""
    hide_memory()  # a trial of the same user must not read our environment
    anyio.run(serve, folder, tag)
    _end()


def _end(code: int = 0) -> NoReturn:
    sys.stderr.flush()
    os._exit(code)
