"""The verbs of a server, one at a time, and the one trial that may be running meanwhile.

Guarantee: a running trial belongs to the server and not to the call that started it. A call that is cancelled or runs
out of patience detaches; a second call attaches; when the server ends, the trial is killed and closed as interrupted.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Self, TypeVar

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from ..sandbox.errors import RefereeError
from . import trials
from .access import Access
from .answers import progress, running_reply
from .call import Call
from .errors import PausedError
from .inbox import Lookout
from .person import News
from .reply import Reply
from .rows import Words
from .runner import Job, concluded, ended, measure, tried
from .session import Change, Session
from .steering import take_in
from .telling import Teller
from .view import View

__all__ = ["WAIT_SECONDS", "Call", "Loop"]

WAIT_SECONDS = 100.0
_LOOK_SECONDS = 1.0
_RESUMED_SECONDS = 0.25
_T = TypeVar("_T")
_Begun = Callable[[Session], Awaitable[Reply | Job]]


class Loop:
    """Everything that the tools of one server do, on one project.

    Use as an async context manager: leaving it ends the running trial and lets the session go.
    """

    def __init__(self, folder: Path, tag: str | None = None) -> None:
        self._access = Access(folder, tag)
        self._lock = anyio.Lock()
        self._job: Job | None = None
        self._teller = Teller()
        self._tasks: TaskGroup
        self.agent = ""

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        self._stack.push_async_callback(self._access.close)
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._tasks.start_soon(self._attend)
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._tasks.cancel_scope.cancel()
        await self._stack.aclose()

    @property
    def _session(self) -> Session | None:
        return self._access.session

    # --- verbs that are over at once -----------------------------------------------------------------------------

    async def read(self, call: Call, verb: Callable[[View], Reply]) -> tuple[Reply, View]:
        """Run a reading verb; it never opens, holds or waits for a session."""
        async with self._lock:
            view = await to_thread.run_sync(self._access.view)
            self._journal(call)
            return await self._told(call, lambda: verb(view)), view

    async def write(self, call: Call, verb: Callable[[Session], Reply]) -> tuple[Reply, View]:
        """Run a verb that changes something, opening the session if need be."""
        async with self._lock:
            session = await self._opened()
            self._journal(call)
            return await self._told(call, lambda: verb(session)), session

    async def _told(self, call: Call, verb: Callable[[], _T]) -> _T:
        try:
            return await to_thread.run_sync(verb)
        except RefereeError as fault:
            self._refused(call, fault)
            raise

    def _journal(self, call: Call) -> None:
        if self._session is not None:
            self._session.record("call", call.record(), sync=False)

    def _refused(self, call: Call, fault: Exception) -> None:
        if self._session is not None:
            self._session.record("refused", {"tool": call.tool, "error": str(fault)[:2000]}, sync=False)

    async def refuse(self, call: Call, fault: RefereeError) -> None:
        """Journal a call that was refused before it reached a verb, such as one with wrong arguments."""
        if self._session is not None:
            await self._take_in(self._session)
        async with self._lock:
            self._journal(call)
            self._refused(call, fault)

    async def told(self, view: View | None, shape: Callable[[News], _T]) -> _T:
        """Shape an answer while nothing changes what it tells, with what the person said since the last one.

        Args:
            view: What the answer was read from; None for the open session, if there is one.
            shape: Makes the answer.
        """
        async with self._lock:
            view = view or self._session
            return shape(News() if view is None else self._teller.news(view, self._session))

    def running(self) -> str:
        """What is going on, in at most 200 characters, for a client that shows progress."""
        return "working" if self._session is None else progress(self._session)

    async def _opened(self) -> Session:
        session = await self._access.opened(self.agent, self._tasks)
        await to_thread.run_sync(lambda: self._tidy(session))
        return session

    def _tidy(self, session: Session) -> None:
        """Take in what a person asked for, and close what a fault left open."""
        take_in(session)
        if self._job is None or self._job.done.is_set():
            trials.abandon(session, "")

    async def _attend(self) -> None:
        """Take in what the person asks for also while no call comes."""
        inbox = Lookout()
        while True:
            await anyio.sleep(_LOOK_SECONDS)
            if self._session is not None and inbox.changed(self._session.state_home / "inbox"):
                await self._take_in(self._session)
            if self._session is not None and self._session.cut_short and self._job is not None:
                self._job.scope.cancel()

    async def _take_in(self, session: Session) -> None:
        with suppress(RefereeError, OSError):  # the next call meets the same fault, and tells it
            async with self._lock:
                await to_thread.run_sync(lambda: take_in(session))

    # --- the trial -----------------------------------------------------------------------------------------------

    async def run(self, call: Call, description: str, wait_seconds: float) -> tuple[Reply, View]:
        """Measure the draft, or wait for whatever trial is running."""

        async def begun(session: Session) -> Reply | Job:
            job = self._job
            if job is not None and job.waits_for(session.state.draft):
                return job
            found = await to_thread.run_sync(
                lambda: trials.measured_before(session) or trials.start(session, description)
            )
            return (
                found if isinstance(found, Reply) else self._work_on(Job(call.key, description, None), session, found)
            )

        return await self._trial_of(call, begun, wait_seconds)

    async def run_trial(self, call: Call, change: Change, words: Words, wait_seconds: float) -> tuple[Reply, View]:
        """Edit, run, decide and write the row; the same call again attaches to the trial that it started."""

        async def begun(session: Session) -> Reply | Job:
            job, draft = self._job, session.state.draft
            if job is not None and job.key == call.key and not job.delivered:
                return job
            found = await to_thread.run_sync(lambda: tried(session, change, words))
            if isinstance(found, Reply):
                return found
            return self._work_on(Job(call.key, words.description or "", words, draft), session, found)

        return await self._trial_of(call, begun, wait_seconds)

    async def _trial_of(self, call: Call, begun: _Begun, wait_seconds: float) -> tuple[Reply, View]:
        """Begin a trial or attach to one, once the session is not paused, and wait for it; all within the time."""
        until = anyio.current_time() + wait_seconds
        async with self._lock:
            session = await self._opened()
            self._journal(call)
            found = await self._unless_paused(call, begun, session, until)
        while found is None:
            with anyio.CancelScope(deadline=until):
                while session.state.paused:  # noqa: ASYNC110 - whoever takes the resume in does so in a thread
                    await anyio.sleep(_RESUMED_SECONDS)
            async with self._lock:
                session = await self._opened()
                found = await self._unless_paused(call, begun, session, until)
        if isinstance(found, Reply):
            return found, session
        return await self._wait(call, found, session, until - anyio.current_time()), session

    async def _unless_paused(self, call: Call, begun: _Begun, session: Session, until: float) -> Reply | Job | None:
        try:
            return await begun(session)
        except RefereeError as fault:
            if isinstance(fault, PausedError) and anyio.current_time() < until:
                return None
            self._refused(call, fault)
            raise

    def _work_on(self, job: Job, session: Session, begun: trials.Begun) -> Job:
        self._job = job
        self._tasks.start_soon(self._perform, job, session, begun)
        return job

    async def _perform(self, job: Job, session: Session, begun: trials.Begun) -> None:
        try:
            with job.scope:
                job.reply = await self._trial(job, session, begun)
            if job.reply is None:
                async with self._lock:
                    job.reply = await to_thread.run_sync(lambda: ended(session, job))
        except Exception as fault:  # noqa: BLE001 - handed to the call that waits for this trial, which reports it
            job.fault = fault
            with suppress(RefereeError, OSError):  # what cannot be closed now is closed by the next call that writes
                async with self._lock:
                    await to_thread.run_sync(lambda: trials.abandon(session, job.draft))
        finally:
            job.left = session.state.draft
            job.done.set()

    async def _trial(self, job: Job, session: Session, begun: trials.Begun) -> Reply:
        runs = await measure(session, self._access.launcher, self._lock, begun)
        async with self._lock:
            reply, behind = await to_thread.run_sync(lambda: concluded(session, job, begun.number, runs))
        if behind is None:
            return reply
        following = await self._trial(job, session, behind)
        following.text = f"{reply.text}\n{following.text}"
        return following

    async def _wait(self, call: Call, job: Job, session: Session, wait_seconds: float) -> Reply:
        with anyio.move_on_after(max(wait_seconds, 0)):
            await job.done.wait()
        if not job.done.is_set():
            async with self._lock:
                return running_reply(session)
        job.delivered = True
        if job.fault is not None:
            async with self._lock:
                self._refused(call, job.fault)
            raise job.fault
        return job.result()
