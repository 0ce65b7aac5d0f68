"""One trial from its start in the journal to its measurement, whatever happens to the call that asked for it."""

from dataclasses import dataclass, field

import anyio
from anyio import to_thread

from ..sandbox.errors import SandboxError
from ..sandbox.launch import Launcher
from ..sandbox.spec import Measurement
from . import trials
from .reply import Reply
from .rows import Words
from .session import Session


@dataclass(slots=True)
class Job:
    """A trial that a server is working on, or has just finished.

    `words` are given when the trial is to be decided and described as well, and `draft` is then what the draft was
    before it was edited for this trial. Either `reply` or `fault` is set when
    `done` is; `delivered` says that some call has returned it.
    """

    key: str
    description: str
    words: Words | None
    draft: str = ""
    done: anyio.Event = field(default_factory=anyio.Event)
    reply: Reply | None = None
    fault: Exception | None = None
    delivered: bool = False

    def result(self) -> Reply:
        """The reply of a job that ended without a fault."""
        if self.reply is None:
            raise SandboxError("the trial was stopped with its server; nothing was measured.")
        return self.reply


async def measure(
    session: Session, launcher: Launcher, lock: anyio.Lock, begun: trials.Begun, *, settle: bool
) -> Reply:
    """Run every repeat of a trial that has begun, and judge it; `settle` as in `trials.finish`.

    Raises:
        RefusedError: If it was the baseline and cannot stand.
        SandboxError: If the sandbox failed; the trial is then closed as interrupted.
    """
    backend = (await launcher.capabilities(session.contract.sandbox.minimum)).backend

    async def close(reason: str) -> None:
        with anyio.CancelScope(shield=True):
            async with lock:
                await to_thread.run_sync(lambda: trials.interrupt(session, begun.number, f"interrupted: {reason}"))

    if begun.number == 0 and (cached := await to_thread.run_sync(lambda: trials.rehearsed(session, backend))):
        async with lock:
            return await to_thread.run_sync(lambda: trials.finish_rehearsed(session, cached))
    try:
        runs = await _runs(session, launcher, lock, begun)
    except SandboxError as fault:
        await close(str(fault))
        raise
    except anyio.get_cancelled_exc_class():
        await close("the server was stopped while it ran")
        raise
    async with lock:
        return await to_thread.run_sync(lambda: trials.finish(session, begun.number, runs, settle=settle))


async def _runs(session: Session, launcher: Launcher, lock: anyio.Lock, begun: trials.Begun) -> list[Measurement]:
    evaluate = session.contract.evaluate
    runs: list[Measurement] = []
    left = begun.seconds
    while len(runs) < evaluate.repeats and (left > 0 or not runs):
        seconds = min(evaluate.timeout, left)
        async with lock:
            spec = trials.spec_of(session, begun, len(runs), seconds)
        runs.append(await launcher.measure(spec))
        left -= runs[-1].seconds
        if runs[-1].outcome != "ok":
            break
    return runs
