"""The verbs of a server, one at a time, and the one trial that may be running meanwhile.

Guarantee: a running trial belongs to the server and not to the call that started it. A call that is cancelled or runs
out of patience detaches; a second call attaches; when the server ends, the trial is killed and closed as interrupted.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from ..sandbox.errors import RefereeError
from ..sandbox.launch import Launcher
from . import trials
from .answers import running_reply
from .opening import open_session
from .places import probes
from .plan import asked, gpus
from .project import Project
from .protections import KIND, record_of
from .reading import read_only
from .reply import Reply
from .rows import Words, write_forgotten
from .runner import Job, concluded, measure, tried
from .session import Change, Session
from .steering import take_in
from .view import View

WAIT_SECONDS = 100.0
_SHORT = 200
_MOST_ARGUMENTS = 20  # more than any tool takes
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
        few = list(self.arguments.items())[:_MOST_ARGUMENTS]
        short = {name[:_SHORT]: _shortened(value) for name, value in few}
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
        self._launcher = Launcher(probes=probes())
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
            with suppress(RefereeError, OSError):  # then the next start writes them
                write_forgotten(self._session)
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

    async def steady(self, shape: Callable[[], _T]) -> _T:
        """Shape an answer while nothing changes what it tells."""
        async with self._lock:
            return shape()

    def running(self) -> str:
        """What is going on, in a few words, for a client that shows progress."""
        session = self._session
        number = None if session is None else session.state.running
        if session is None or number is None or (trial := session.state.trials.get(number)) is None:
            return "working"
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
            sandbox = program.contract.sandbox
            found = await self._launcher.capabilities(sandbox.minimum, gpus(sandbox), asked(sandbox))
            self._session = await to_thread.run_sync(lambda: open_session(self._found_project(), self._tag))
            self._session.agent = self.agent
            self._session.record(KIND, record_of(found), sync=False)
        session = self._session
        await to_thread.run_sync(lambda: self._tidy(session))
        return session

    def _tidy(self, session: Session) -> None:
        """Take in what a person asked for, and close what a fault left open."""
        take_in(session)
        if self._job is None or self._job.done.is_set():
            trials.abandon(session, "")

    # --- the trial -----------------------------------------------------------------------------------------------

    async def run(self, call: Call, description: str, wait_seconds: float) -> tuple[Reply, View]:
        """Measure the draft, or wait for whatever trial is running."""
        async with self._lock:
            session = await self._opened()
            self._journal(call)
            job = self._job
            if job is None or not job.waits_for(session.state.draft):
                begun = await self._told(
                    call, lambda: trials.measured_before(session) or trials.start(session, description)
                )
                if isinstance(begun, Reply):
                    return begun, session
                job = self._work_on(Job(call.key, description, None), session, begun)
        return await self._wait(call, job, session, wait_seconds), session

    async def run_trial(self, call: Call, change: Change, words: Words, wait_seconds: float) -> tuple[Reply, View]:
        """Edit, run, decide and write the row; the same call again attaches to the trial that it started."""
        async with self._lock:
            session = await self._opened()
            self._journal(call)
            job = self._job
            if job is None or job.key != call.key or job.delivered:
                draft = session.state.draft
                begun = await self._told(call, lambda: tried(session, change, words))
                if isinstance(begun, Reply):
                    return begun, session
                job = self._work_on(Job(call.key, words.description or "", words, draft), session, begun)
        return await self._wait(call, job, session, wait_seconds), session

    def _work_on(self, job: Job, session: Session, begun: trials.Begun) -> Job:
        self._job = job
        self._tasks.start_soon(self._perform, job, session, begun)
        return job

    async def _perform(self, job: Job, session: Session, begun: trials.Begun) -> None:
        try:
            job.reply = await self._trial(job, session, begun)
        except Exception as fault:  # noqa: BLE001 - handed to the call that waits for this trial, which reports it
            job.fault = fault
            with suppress(RefereeError, OSError):  # what cannot be closed now is closed by the next call that writes
                async with self._lock:
                    await to_thread.run_sync(lambda: trials.abandon(session, job.draft))
        finally:
            job.left = session.state.draft
            job.done.set()

    async def _trial(self, job: Job, session: Session, begun: trials.Begun) -> Reply:
        runs = await measure(session, self._launcher, self._lock, begun)
        async with self._lock:
            reply, behind = await to_thread.run_sync(lambda: concluded(session, job, begun.number, runs))
        if behind is None:
            return reply
        following = await self._trial(job, session, behind)
        following.text = f"{reply.text}\n{following.text}"
        return following

    async def _wait(self, call: Call, job: Job, session: Session, wait_seconds: float) -> Reply:
        with anyio.move_on_after(wait_seconds):
            await job.done.wait()
        if not job.done.is_set():
            return await self.steady(lambda: running_reply(session))
        job.delivered = True
        if job.fault is not None:
            async with self._lock:
                self._refused(call, job.fault)
            raise job.fault
        return job.result()
