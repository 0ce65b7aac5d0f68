"""One trial from its start in the journal to its measurement, whatever happens to the call that asked for it."""

from dataclasses import dataclass, field, replace

import anyio
from anyio import to_thread

from ..sandbox.errors import RefereeError, SandboxError
from ..sandbox.launch import Launcher
from ..sandbox.spec import Measurement
from . import caches, rows, trials
from .baseline_cache import Cached
from .errors import RefusedError
from .feedback import told
from .levels import chosen
from .opened import Opened
from .plan import environment
from .reply import Reply
from .rows import Words
from .session import Change, Session
from .source_reading import why_lower


@dataclass(slots=True)
class Job:
    """A trial that a server is working on, or has just finished.

    `words` are given when the trial is to be decided and described as well, and `draft` is then what the draft was
    before it was edited for this trial. Whoever cancels `scope` ends the trial alone. Either `reply` or `fault` is set
    when `done` is; `delivered` says that some call has returned it, and `left` is the draft as the trial left it.
    """

    key: str
    description: str
    words: Words | None
    draft: str = ""
    done: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    reply: Reply | None = None
    fault: Exception | None = None
    delivered: bool = False
    left: str = ""

    def waits_for(self, draft: str) -> bool:
        """Whether a call that wants this draft measured is one that wants this trial."""
        if not self.done.is_set():
            return True
        untold = not self.delivered and self.left == draft
        return untold and (self.words is not None or self.fault is not None)  # else the measurement itself is told

    def result(self) -> Reply:
        """The reply of a job that ended without a fault."""
        if self.reply is None:
            raise SandboxError("the trial was stopped with its server; nothing was measured.")
        return self.reply


Runs = list[Measurement] | Cached


def tried(session: Session, change: Change, words: Words) -> Reply | trials.Begun:
    """Edit the draft and begin its trial; the decision at once, uncharged, if those bytes were measured before.

    Raises:
        RefusedError: If no trial may begin, or the change cannot be made; the draft is then as it was.
    """
    rows.check(words)
    trials.refuse_waiting(session)
    trials.refuse_unready(session)
    draft = session.state.draft
    session.edit(change, pin=False)
    try:
        return _measured_before(session, words) or trials.start(session, words.description or "")
    except (RefereeError, OSError):
        trials.abandon(session, draft)
        raise


def _measured_before(session: Session, words: Words) -> Reply | None:
    same = session.state.measured_as(session.state.draft)
    if same is None or session.state.baseline is None:
        return None
    unsaid = same.decision is not None and (words.lesson is not None or words.cost_usd is not None)
    reply = rows.conclude(session, same, words)
    reply.text = f"Measured before as trial {same.number}; nothing was run or charged. {reply.text}"
    if unsaid:
        reply.text += " Its row was written before: the lesson and cost of this call are not recorded."
    return reply


async def measure(session: Session, launcher: Launcher, lock: anyio.Lock, begun: trials.Begun) -> Runs:
    """Run every repeat of a trial that has begun; a baseline that `referee check` measured is taken instead.

    Raises:
        SandboxError: If the sandbox failed; the trial is then closed as interrupted.
    """
    backend = (await launcher.capabilities(session.contract.sandbox.minimum)).backend

    async def close(reason: str) -> None:
        with anyio.CancelScope(shield=True):
            async with lock:
                await to_thread.run_sync(lambda: trials.interrupt(session, begun.number, f"interrupted: {reason}"))

    if begun.number == 0 and (cached := await to_thread.run_sync(lambda: trials.rehearsed(session, backend))):
        return cached
    try:
        if begun.number == 0:
            return await _baseline(session, launcher, lock, begun)
        return await _runs(session, launcher, lock, begun)
    except SandboxError as fault:
        await close(str(fault))
        raise
    except anyio.get_cancelled_exc_class():
        await close(session.state.stopped if session.cut_short else "the server was stopped while it ran")
        raise


async def _baseline(session: Session, launcher: Launcher, lock: anyio.Lock, begun: trials.Begun) -> list[Measurement]:
    """Fill the caches, and measure at the highest level that the evaluator allows; a lower one is journaled."""
    filled = await _fill(session, launcher, lock, begun)
    if filled and filled.outcome != "ok":
        return [filled]

    async def run(opened: Opened) -> list[Measurement]:
        return await _runs(session, launcher, lock, begun, opened)

    opened = session.state.opened
    void = await to_thread.run_sync(lambda: why_lower(session.project, session.base, opened.contract))
    found = await chosen(run, opened, void)
    if found.reason:
        async with lock:
            await to_thread.run_sync(lambda: session.lower(found.reason))
    return found.runs


async def _runs(
    session: Session, launcher: Launcher, lock: anyio.Lock, begun: trials.Begun, opened: Opened | None = None
) -> list[Measurement]:
    repeats = session.contract.evaluate.repeats
    runs: list[Measurement] = []
    while len(runs) < repeats:
        async with lock:
            seconds = trials.seconds_of(session, begun, sum(run.seconds for run in runs))
            if runs and seconds <= 0:
                break
            spec = trials.spec_of(session, begun, len(runs), seconds, opened)
        next_run = (len(runs) + 1) % repeats
        following = replace(spec, env=environment(session.state.opened, next_run))
        runs.append(await launcher.measure(spec, following=following))
        if runs[-1].outcome != "ok":
            break
    return runs


async def _fill(session: Session, launcher: Launcher, lock: anyio.Lock, begun: trials.Begun) -> Measurement | None:
    """Fill the contract's caches by a run that does not count: trials are not to be better for compiling nothing."""
    await to_thread.run_sync(lambda: caches.forget(session.state_home))
    if not session.contract.sandbox.cache:
        return None
    async with lock:
        spec = trials.spec_of(session, begun, 0, trials.seconds_of(session, begun, 0.0))
    return await launcher.measure(replace(spec, fill_caches=True), following=spec)


def concluded(session: Session, job: Job, number: int, runs: Runs) -> tuple[Reply, trials.Begun | None]:
    """Judge a trial and, before any other call has its turn, decide it or begin the one behind a baseline.

    Raises:
        RefusedError: If it was the baseline and cannot stand.
    """
    settle = job.words is None  # otherwise the decision that follows settles refs and files, once for both
    if isinstance(runs, Cached):
        reply = trials.finish_rehearsed(session, runs)
    else:
        reply = trials.finish(session, number, runs, settle=settle)
    if number == 0:
        return reply, _behind_baseline(session, job, reply)
    if job.words is None:
        return reply, None
    decided = rows.conclude(session, session.state.trials[number], job.words)
    decided.untrusted = reply.untrusted
    return decided, None


def ended(session: Session, job: Job) -> Reply:
    """Close the trial that the person did not wait for, and tell of it.

    Raises:
        RefusedError: If it was the baseline, which leaves no trial behind.
    """
    if session.state.running is not None:
        trials.interrupt(session, session.state.running, f"interrupted: {session.state.stopped}")
    trials.abandon(session, job.draft)
    if not session.state.trials:
        raise RefusedError(f"the baseline was not measured: {session.state.stopped}.")
    trial = session.state.trials[max(session.state.trials)]
    reply = session.decided_reply(trial)
    reply.text += f"\n{told(session.contract, trial.reason)}."
    return reply


def _behind_baseline(session: Session, job: Job, reply: Reply) -> trials.Begun | None:
    if session.state.draft == session.target_blob("baseline"):
        return None
    try:
        return trials.begin(session, job.description)
    except RefereeError as fault:  # the baseline is measured all the same, so this is no call that did nothing
        trials.abandon(session, job.draft)
        reply.text += f"\nThe draft was not measured: {fault}"
        return None
