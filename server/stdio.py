"""Serving on standard input and output, which belong to the protocol alone."""

import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import anyio
from mcp.server.stdio import stdio_server

from ..sandbox.kernel import hide_memory
from .app import build
from .wire import Answered, claimed_input

_PATIENCE = 10.0  # seconds that an orderly end may take after a signal


async def serve(folder: Path, tag: str | None) -> None:
    """Serve one client until its input ends, until it no longer reads, or until SIGINT, SIGTERM or SIGHUP.

    A second signal changes nothing: Claude Code sends two within a tenth of a second, and the orderly end goes on. An
    end that hangs, on a disk or a git that does not answer, is cut short; the next start repairs what it left.
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
    async for _ in signals:
        if not serving.cancel_called:
            limit = threading.Timer(_PATIENCE, _end, (1,))  # a thread, because what hangs may hold the event loop
            limit.daemon = True
            limit.start()
        serving.cancel()


def main(folder: Path, tag: str | None) -> NoReturn:
    """Serve, and end the process without waiting for a reader that still waits for input."""
    hide_memory()  # a trial of the same user must not read our environment
    anyio.run(serve, folder, tag)
    _end()


def _end(code: int = 0) -> NoReturn:
    sys.stderr.flush()
    os._exit(code)
