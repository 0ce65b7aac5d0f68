"""The verbs of a server, one at a time, and the one trial that may be running meanwhile.

Guarantee: a running trial belongs to the server and not to the call that started it. A call that is cancelled or runs
out of patience detaches; a second call attaches; when the server ends, the trial is killed and closed as interrupted.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from ..sandbox.errors import RefereeError
from ..sandbox.launch import Launcher
from . import rows, trials
from .answers import running_reply
from .opening import open_session
from .project import Project
from .reading import read_only
from .reply import Reply
from .runner import Job, measure
from .session import Change, Session
from .steering import take_in
from .view import View

WAIT_SECONDS = 100.0
_SHORT = 200
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool, as the journal tells it: tool, arguments, and the ids that the client gave it."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ids: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def key(self) -> str:
        """The same for two calls that ask for the same trial."""
        wanted = {name: value for name, value in self.arguments.items() if name != "wait_seconds"}
        return json.dumps([self.tool, wanted], sort_keys=True, default=str)

    def record(self) -> dict[str, Any]:
        """The call as the journal holds it: long texts by their length alone."""
        short = {name: _shortened(value) for name, value in self.arguments.items()}
        return {"tool": self.tool, "arguments": short, "ids": dict(self.ids)}


def _shortened(value: object) -> object:
    text = json.dumps(value, default=str)
    return json.loads(text, parse_constant=str) if len(text) <= _SHORT else f"({len(text)} characters)"


class Loop:
    """Everything that the tools of one server do, on one project.

    Use as an async context manager: leaving it ends the running trial and lets the session go.
    """

    def __init__(self, folder: Path, tag: str | None = None) -> None:
        self._folder, self._tag = folder, tag
        self._lock = anyio.Lock()
        self._launcher = Launcher()
        self._project: Project | None = None
        self._session: Session | None = None
        self._job: Job | None = None
        self._tasks: TaskGroup
        self.agent = ""

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        self._stack.push_async_callback(self._close)
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._tasks.cancel_scope.cancel()
        await self._stack.aclose()

    async def _close(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._launcher.aclose()
        if self._session is not None:
            self._session.close()
        if self._project is not None:
            self._project.git.close()

    # --- verbs that are over at once -----------------------------------------------------------------------------

    async def read(self, call: Call, verb: Callable[[View], Reply]) -> tuple[Reply, View]:
        """Run a reading verb; it never opens, holds or waits for a session."""
        async with self._lock:
            view = await to_thread.run_sync(self._view)
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
        async with self._lock:
            self._journal(call)
            self._refused(call, fault)

    def running(self) -> str:
        """What is going on, in a few words, for a client that shows progress."""
        session = self._session
        if session is None or session.state.running is None:
            return "working"
        trial = session.state.trials[session.state.running]
        return f"trial {trial.number}: {session.elapsed() - trial.started:.0f} s of at most {trial.limit:.0f} s"

    def _found_project(self) -> Project:
        if self._project is None:
            self._project = Project(self._folder)
        return self._project

    def _view(self) -> View:
        if self._session is not None:
            take_in(self._session)
            return self._session
        return read_only(self._found_project(), self._tag)

    async def _opened(self) -> Session:
        if self._session is None:
            program = await to_thread.run_sync(lambda: self._found_project().program())
            await self._launcher.capabilities(program.contract.sandbox.minimum)
            self._session = await to_thread.run_sync(lambda: open_session(self._found_project(), self._tag))
            self._session.agent = self.agent
        session = self._session
        await to_thread.run_sync(lambda: take_in(session))
        return session

    # --- the trial -----------------------------------------------------------------------------------------------

    async def run(self, call: Call, description: str, wait_seconds: float) -> tuple[Reply, View]:
        """Measure the draft, or wait for whatever trial is running."""
        async with self._lock:
            session = await self._opened()
            self._journal(call)
            job = self._job
            if job is None or job.done.is_set():
                before = await self._told(call, lambda: trials.measured_before(session))
                if before is not None:
                    return before, session
                job = await self._start(call, session, description, None)
        return await self._wait(call, job, session, wait_seconds), session

    async def run_trial(self, call: Call, change: Change, words: rows.Words, wait_seconds: float) -> tuple[Reply, View]:
        """Edit, run, decide and write the row; the same call again attaches to the trial that it started."""
        async with self._lock:
            session = await self._opened()
            self._journal(call)
            job = self._job
            if job is None or job.key != call.key or job.delivered:
                draft = session.state.draft
                await self._told(call, lambda: _edit(session, change, words))
                before = await self._told(call, lambda: _again(session, words))
                if before is not None:
                    return before, session
                job = await self._start(call, session, words.description or "", words, draft)
        return await self._wait(call, job, session, wait_seconds), session

    async def _start(
        self, call: Call, session: Session, description: str, words: rows.Words | None, draft: str = ""
    ) -> Job:
        def begin() -> trials.Begun:
            rows.checked_words(description)
            trials.refuse_unready(session)
            first = session.state.baseline is None
            return trials.begin_baseline(session) if first else trials.begin(session, description)

        job = Job(call.key, description, words, draft)
        try:
            begun = await self._told(call, begin)
        except RefereeError:
            trials.restore(session, draft)
            raise
        self._job = job
        self._tasks.start_soon(self._perform, job, session, begun)
        return job

    async def _perform(self, job: Job, session: Session, begun: trials.Begun) -> None:
        try:
            job.reply = await self._trial(job, session, begun)
        except Exception as fault:  # noqa: BLE001 - handed to the call that waits for this trial, which reports it
            job.fault = fault
            async with self._lock:
                await to_thread.run_sync(lambda: trials.abandon(session, job.draft))
        finally:
            job.done.set()

    async def _trial(self, job: Job, session: Session, begun: trials.Begun) -> Reply:
        settle = job.words is None  # otherwise the decision that follows settles refs and files, once for both
        reply = await measure(session, self._launcher, self._lock, begun, settle=settle)
        if begun.number == 0 and session.state.draft != session.target_blob("baseline"):
            async with self._lock:
                begun = await to_thread.run_sync(lambda: trials.begin(session, job.description))
            first, reply = reply, await measure(session, self._launcher, self._lock, begun, settle=settle)
            reply.text = f"{first.text}\n{reply.text}"
        words = job.words
        if words is None or begun.number == 0:
            return reply
        trial = session.state.trials[begun.number]
        async with self._lock:
            concluded = await to_thread.run_sync(lambda: rows.conclude(session, trial, words))
        concluded.untrusted = reply.untrusted
        return concluded

    async def _wait(self, call: Call, job: Job, session: Session, wait_seconds: float) -> Reply:
        with anyio.move_on_after(wait_seconds):
            await job.done.wait()
        if not job.done.is_set():
            return running_reply(session)
        job.delivered = True
        if job.fault is not None:
            async with self._lock:
                self._refused(call, job.fault)
            raise job.fault
        return job.result()


def _edit(session: Session, change: Change, words: rows.Words) -> Reply:
    rows.check(words)
    trials.refuse_unready(session)
    trials.refuse_waiting(session)
    return session.edit(change, pin=False)


def _again(session: Session, words: rows.Words) -> Reply | None:
    same = session.state.measured_as(session.state.draft)
    if same is None or session.state.baseline is None:
        return None
    reply = rows.conclude(session, same, words)
    reply.text = f"Measured before as trial {same.number}; nothing was run or charged. {reply.text}"
    return reply
