"""What a server has open of its project: the sandbox, the repository, and the session once a call needs to write.

Guarantee: reading holds nothing and waits for nobody. Nothing of a session is written before it is known what confines
its trials, and that this is what its program asks for.
"""

from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path

import anyio
from anyio import from_thread, to_thread
from anyio.abc import TaskGroup

from ..sandbox.choice import Choice
from ..sandbox.errors import RefereeError, SandboxError
from ..sandbox.launch import Launcher
from ..sandbox.spec import Capabilities
from .contract import Contract
from .opening import open_session
from .places import probes
from .plan import asked, gpus
from .project import Project
from .protections import KIND, record_of
from .reading import read_only
from .rows import write_forgotten
from .session import Session
from .steering import take_in
from .view import View

_POLL_SECONDS = 0.05


class Access:
    """The way of one server to its project; whoever uses it sees to it that one call does so at a time.

    Args:
        folder: The project's.
        tag: Of the session; by default the latest of the contract.

    Attributes:
        launcher: Runs the trials.
        session: The session that is open for writing, if one is.
    """

    def __init__(self, folder: Path, tag: str | None) -> None:
        self._folder, self._tag = folder, tag
        self._project: Project | None = None
        self.launcher = Launcher(probes=probes())
        self.session: Session | None = None

    def view(self) -> View:
        """What can be read now, of the open session or of one that another process holds.

        Raises:
            RefereeError: If the program is not valid or the journal is damaged.
        """
        if self.session is not None:
            take_in(self.session)
            return self.session
        return read_only(self._found(), self._tag)

    async def opened(self, agent: str, tasks: TaskGroup) -> Session:
        """The session, opened for writing if it is not.

        Args:
            agent: Name and version of the client that asks first.
            tasks: Where the machine is looked at while the session is read; that goes on if the call is cancelled.

        Raises:
            RefereeError: If the project cannot carry a session, another process holds it, or too little confines it.
        """
        if self.session is None:
            looking: Future[Choice] = Future()
            tasks.start_soon(self._look, looking)
            self.session = await to_thread.run_sync(lambda: self._open(agent, looking))
        return self.session

    async def _look(self, looking: "Future[Choice]") -> None:
        try:
            looking.set_result(await self.launcher.look())
        except Exception as fault:  # noqa: BLE001 - handed to the call that waits for it, which reports it
            looking.set_exception(fault)
        except BaseException:
            looking.set_exception(SandboxError("the server is ending."))
            raise

    def _open(self, agent: str, looking: "Future[Choice]") -> Session:
        found: list[Capabilities] = []

        def admit(contract: Contract) -> None:
            sandbox = contract.sandbox
            found.append(_settled(looking).checked(sandbox.minimum, asked(sandbox), gpus(sandbox)))

        session = open_session(self._found(), self._tag, admit)
        session.agent = agent
        try:
            session.record(KIND, record_of(found[-1]), sync=False)
        except BaseException:
            session.close()
            raise
        return session

    def _found(self) -> Project:
        if self._project is None:
            self._project = Project(self._folder)
        return self._project

    async def close(self) -> None:
        """End what runs, and let the session go."""
        with anyio.CancelScope(shield=True):
            await self.launcher.aclose()
        if self.session is not None:
            with suppress(RefereeError, OSError):  # then the next start writes them
                write_forgotten(self.session)
            self.session.close()
        if self._project is not None:
            self._project.git.close()


def _settled(looking: "Future[Choice]") -> Choice:
    """Wait in a thread until it is known; a call that is cancelled waits no longer.

    No coroutine is run for this from the thread: one that begins after the call was cancelled would never end.
    """
    while not wait([looking], _POLL_SECONDS).done:
        from_thread.check_cancelled()
    return looking.result()
