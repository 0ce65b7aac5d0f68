"""The server's side: start the supervisor, send it trials, wait for them without blocking the loop.

Guarantee: `measure` returns or raises only after the trial is proven dead, cancelled or not; its folder is gone then,
or, where another trial is expected, before that one starts. A supervisor that has died is replaced for the next
trial; the one in flight fails with SandboxError.
"""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio

from . import cgroup, exchange, wire
from .choice import Choice, choose, complete
from .errors import SandboxError
from .spec import Capabilities, Level, Measurement, TrialSpec

_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a world is built from."""

    backend: str
    setting: TrialSpec

    def message(self) -> bytes:
        """Return it as the first of a trial's two messages."""
        return wire.encode({"backend": self.backend, "spec": wire.spec_message(self.setting)})


@dataclass(frozen=True, slots=True)
class _Ready:
    """A world that stands ready, and the connection over which its order goes."""

    wanted: _Wanted
    connection: socket.socket


class Launcher:
    """Runs trials through one supervisor; an asynchronous context manager.

    Args:
        only: Consider this backend alone (`bubblewrap`, `landlock` or `none`); all by default.
        probes: File in which the findings about the limits are kept until the machine changes; None for none.
        anew: Whether to try the limits whatever that file says.
    """

    def __init__(self, only: str | None = None, *, probes: Path | None = None, anew: bool = False) -> None:
        self._only, self._probes, self._anew = only, probes, anew
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._choice: Choice | None = None
        self._choosing = anyio.Lock()
        self._ready: _Ready | None = None
        self._leaving: socket.socket | None = None
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
        self._discard()
        for connection in self._open:
            exchange.stop(connection)
        if control is not None:
            control.close()
        if supervisor is not None:
            with anyio.CancelScope(shield=True):
                await _ended(supervisor)
        if self._leaving is not None:
            self._close(self._leaving)
            self._leaving = None

    async def capabilities(
        self, minimum: Level, gpus: tuple[int, ...] | None = (), asked: frozenset[str] = frozenset()
    ) -> Capabilities:
        """Return what will confine trials here, found once by attacking it, and what that protects.

        Args:
            minimum: The least that is asked for.
            gpus: Numbers of the GPUs that trials are to use; None for all.
            asked: Keys below `sandbox` in the contract whose protection it relies on, out of `choice.KEYS`.

        Raises:
            SandboxUnavailableError: there is less here; the message says what is missing and how to mend it.
        """
        return (await self.look()).checked(minimum, asked, gpus)

    async def glance(self) -> Choice:
        """Return what would be chosen, without a word on limits; nothing of it is kept."""
        return await choose(self.run, self._only)

    async def look(self) -> Choice:
        """Return the choice without asking for any level; made once, with the first call."""
        async with self._choosing:
            if self._choice is None:
                self._choice = await complete(self.run, await self.glance(), self._probes, anew=self._anew)
        return self._choice

    async def measure(self, spec: TrialSpec, *, following: TrialSpec | None = None) -> Measurement:
        """Run one trial in the best backend of this machine; cancelling it kills the trial first.

        Args:
            spec: The trial.
            following: A trial like the one that is expected next: its world is built, and this one's removed, while
                nobody waits for it; used if only draft, log and time differ then. Until then it holds a folder in
                `scratch`.

        Raises:
            SandboxUnavailableError: the machine offers less than `spec.minimum`, or not the GPUs of `spec.gpus`.
            SandboxError: the trial could not be run, or not be proven dead, or something of the one before it could
                not be removed; nothing was measured.
        """
        choice = await self.look()
        choice.checked(spec.minimum, gpus=spec.gpus)
        measured = await self.run(spec, choice.key, following=following)
        return replace(measured, protections=choice.states)

    async def run(self, spec: TrialSpec, backend: str, *, following: TrialSpec | None = None) -> Measurement:
        """Run one trial in one backend, by its key in `backends.BACKENDS`; otherwise like `measure`."""
        await self._left()
        wanted = _Wanted(backend, wire.setting(spec))
        ready = self._taken(wanted)
        stale: dict[str, Any] = {"stale": ""}
        ahead = following is not None
        reply = await self._answer(ready, wire.order(spec), ahead=ahead) if ready else stale
        if "stale" in reply:
            request = wanted.message() + wire.order(spec)
            reply = await self._answer(self._connection(), request, ahead=ahead)
        if following is not None:
            self._prepare(_Wanted(backend, wire.setting(following)))
        if "measurement" in reply:
            return wire.measurement_of(reply["measurement"])
        raise _fault(reply.get("stale") or reply.get("fault") or "the supervisor ended without a result")

    async def _answer(self, connection: socket.socket, request: bytes, *, ahead: bool) -> dict[str, Any]:
        """Send a request and return its answer.

        Args:
            connection: To a trial's process; it is closed then, or with a measurement kept for `_left`.
            request: What that process is to do.
            ahead: Whether to return with the measurement, before the trial's world is gone.
        """
        self._open.add(connection)
        try:
            reply = await exchange.exchange(connection, request, ahead=ahead)
        except BaseException:
            self._close(connection)
            raise
        if ahead and "measurement" in reply:
            self._leaving = connection
        else:
            self._close(connection)
        return reply

    def _close(self, connection: socket.socket) -> None:
        self._open.discard(connection)
        connection.close()

    async def _left(self) -> None:
        """Wait until the last trial's world is gone.

        Raises:
            SandboxError: something of it could not be removed; said once.
        """
        leaving, self._leaving = self._leaving, None
        if leaving is None:
            return
        try:
            rest = await exchange.receive(leaving)
        finally:
            self._close(leaving)
        if rest:
            raise _fault(wire.decode(rest)["fault"])

    def _prepare(self, wanted: _Wanted) -> None:
        """Have a world built ahead, up to its gate; where that fails, the next trial builds its own."""
        self._discard()
        try:
            connection = self._connection()
        except OSError:
            return
        self._ready = _Ready(wanted, connection)
        message = wanted.message()
        with suppress(OSError):
            if connection.send(message) == len(message):
                return
        self._discard()

    def _taken(self, wanted: _Wanted) -> socket.socket | None:
        """Return the connection to a world that stands ready for this; any other is given up."""
        ready = self._ready
        if ready is None or ready.wanted != wanted or exchange.has_ended(ready.connection):
            self._discard()
            return None
        self._ready = None
        return ready.connection

    def _discard(self) -> None:
        if self._ready is not None:
            self._ready.connection.close()
        self._ready = None

    def _connection(self) -> socket.socket:
        """Return a connection to a new trial's process."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.settimeout(0)
        with theirs:
            self._hand_over(theirs)
        return ours

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
    # Before the first child: a group can be handed on only while this process is alone in it.
    cgroup.settle()
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


def _fault(words: str) -> SandboxError:
    return SandboxError(f"{words}; nothing was measured")


async def _ended(supervisor: subprocess.Popen[bytes]) -> None:
    with anyio.move_on_after(_PATIENCE):
        await anyio.to_thread.run_sync(supervisor.wait, abandon_on_cancel=True)
        return
    # Its trials notice its death and end themselves.
    supervisor.kill()
    supervisor.wait()
