"""The server's side: start the supervisor, send it trials, wait for them without blocking the loop.

Guarantee: `measure` returns or raises only after the trial is proven dead and its folder is gone, cancelled
or not. A supervisor that has died is replaced for the next trial; the one in flight fails with SandboxError.
"""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import anyio

from . import wire
from .choice import Choice, choose
from .errors import SandboxError
from .spec import Capabilities, Level, Measurement, TrialSpec

_PATIENCE = 30.0
_CHUNK = 1 << 16


class Launcher:
    """Runs trials through one supervisor; an asynchronous context manager.

    Args:
        only: Consider this backend alone (`bubblewrap`, `landlock` or `none`); all by default.
    """

    def __init__(self, only: str | None = None) -> None:
        self._only = only
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._choice: Choice | None = None
        self._choosing = anyio.Lock()
        self._open: set[socket.socket] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the supervisor and every trial; safe to call twice."""
        supervisor, control = self._supervisor, self._control
        self._supervisor = self._control = None
        for connection in self._open:
            _stop(connection)
        if control is not None:
            control.close()
        if supervisor is not None:
            with anyio.CancelScope(shield=True):
                await _ended(supervisor)

    async def capabilities(self, minimum: Level) -> Capabilities:
        """Return what will confine trials here, found once by attacking it, and what that protects.

        Raises:
            SandboxUnavailableError: it is less than `minimum`; the message says what is missing and how to mend it.
        """
        return (await self.look()).checked(minimum)

    async def look(self) -> Choice:
        """Return the choice without asking for any level; made once, with the first call."""
        async with self._choosing:
            if self._choice is None:
                self._choice = await choose(self.run, self._only)
        return self._choice

    async def measure(self, spec: TrialSpec) -> Measurement:
        """Run one trial in the best backend of this machine; cancelling it kills the trial first.

        Raises:
            SandboxUnavailableError: the machine offers less than `spec.minimum`.
            SandboxError: the trial could not be run, or not be proven dead; nothing was measured.
        """
        choice = await self.look()
        choice.checked(spec.minimum)
        return await self.run(spec, choice.key)

    async def run(self, spec: TrialSpec, backend: str) -> Measurement:
        """Run one trial in one backend, by its key in `backends.BACKENDS`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.settimeout(0)
        with ours:
            with theirs:
                self._hand_over(theirs)
            self._open.add(ours)
            try:
                reply = await _exchange(ours, wire.encode({"backend": backend, "spec": wire.spec_message(spec)}))
            except OSError as error:
                raise SandboxError(f"the supervisor has died; nothing was measured: {error}") from error
            finally:
                self._open.discard(ours)
        if "measurement" in reply:
            return wire.measurement_of(reply["measurement"])
        raise SandboxError(str(reply.get("fault", "the supervisor ended without a result; nothing was measured")))

    def _hand_over(self, connection: socket.socket) -> None:
        control = self._running()
        try:
            socket.send_fds(control, [b"t"], [connection.fileno()])
        except OSError:
            self._forget()
            socket.send_fds(self._running(), [b"t"], [connection.fileno()])

    def _running(self) -> socket.socket:
        if self._supervisor is not None and self._supervisor.poll() is not None:
            self._forget()
        if self._control is None:
            self._supervisor, self._control = _start()
        return self._control

    def _forget(self) -> None:
        """Give up a supervisor that has died or no longer answers."""
        if self._control is not None:
            self._control.close()
        if self._supervisor is not None:
            self._supervisor.kill()
            self._supervisor.wait()
        self._supervisor = self._control = None


def _start() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        supervisor = subprocess.Popen(
            [sys.executable, "-I", "-c", _CODE, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={"HOME": os.path.expanduser("~")},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            cwd="/",
        )
    return supervisor, ours


_CODE = "from referee.sandbox.supervisor import main; main()"


async def _exchange(sock: socket.socket, request: bytes) -> dict[str, Any]:
    """Send the request and return the answer; on cancellation wait until the other side has closed."""
    try:
        await _send(sock, request)
        return wire.decode(await _receive(sock) or b"{}")
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True), anyio.move_on_after(_PATIENCE):
            _stop(sock)
            await _receive(sock)
        raise


def _stop(connection: socket.socket) -> None:
    """Order the trial at the other end to stop; one that has ended needs no order."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


async def _send(sock: socket.socket, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            await anyio.wait_writable(sock)


async def _receive(sock: socket.socket) -> bytes:
    """Read until the other side closes, which it does only after the trial is dead."""
    data = bytearray()
    while True:
        await anyio.wait_readable(sock)
        part = sock.recv(_CHUNK)
        if not part:
            return bytes(data)
        data += part


async def _ended(supervisor: subprocess.Popen[bytes]) -> None:
    with anyio.move_on_after(_PATIENCE):
        await anyio.to_thread.run_sync(supervisor.wait, abandon_on_cancel=True)
        return
    # Its trials notice its death and end themselves.
    supervisor.kill()
    supervisor.wait()
