"""Serving on standard input and output, which belong to the protocol alone."""

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


async def serve(folder: Path, tag: str | None) -> None:
    """Serve one client until its input ends, until it no longer reads, or until SIGINT, SIGTERM or SIGHUP.

    A second signal changes nothing: Claude Code sends two within a tenth of a second, and the first one's end goes on.
    """
    server = build(folder, tag)
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_on_signal, signals, tasks.cancel_scope)
            lines = claimed_input()
            async with stdio_server(lines) as (read_stream, write_stream):
                messages = Answered(read_stream, write_stream, lines)
                try:
                    await server.run(messages, write_stream, server.create_initialization_options())
                except anyio.get_cancelled_exc_class():
                    _end()  # the session is closed, and what reads our input can neither be cancelled nor waited for
            tasks.cancel_scope.cancel()


async def _stop_on_signal(signals: AsyncIterator[signal.Signals], scope: anyio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


def main(folder: Path, tag: str | None) -> NoReturn:
    """Serve, and end the process without waiting for a reader that still waits for input."""
    hide_memory()  # a trial of the same user must not read our environment
    anyio.run(serve, folder, tag)
    _end()


def _end() -> NoReturn:
    sys.stderr.flush()
    os._exit(0)
