"""What every test gets: a home and a state folder of its own, real repositories, and clients of a real server."""

import os
import shutil
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import TextContent
from referee.server.app import build
from referee.session import hashes, places

from tests.finished import Finished, copy
from tests.projects import PROGRAM, TARGET, git
from tests.sessions import home_of

_WORTH_SHARING = 100_000


@pytest.fixture(scope="session")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that needs them leaves its findings about this machine's limits for all others.

    A test that breaks a limit on purpose leaves none.
    """
    return tmp_path_factory.mktemp("probes") / places.probes().name


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a `python3` with an environment of its own, in which nothing is installed.

    Every session hashes what its Python could import; this machine's own may hold gigabytes.
    """
    environment = tmp_path_factory.mktemp("environment")
    program = Path(os.path.realpath(sys.executable))
    (environment / "pyvenv.cfg").write_text(f"home = {program.parent}\ninclude-system-site-packages = false\n")
    (environment / "bin").mkdir()
    for name in ("python3", "python"):
        (environment / "bin" / name).symlink_to(program)
    return environment / "bin"


@pytest.fixture(scope="session")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where hashes of this machine's Python lie for all tests, which would each take half a second for them."""
    return tmp_path_factory.mktemp("hashed")


@pytest.fixture(autouse=True)
def _own_home(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    probes: Path,
    bare_python: Path,
    hashed: Path,
) -> Generator[None]:
    """No test sees the person's home, git configuration or Referee state."""
    monkeypatch.setenv("PATH", f"{bare_python}:{os.environ.get('PATH', os.defpath)}")
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("REFEREE_STATE_DIR", str(home / "state"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    known = home / "state" / hashes.FOLDER
    for file in hashed.iterdir():
        known.parent.mkdir(mode=0o700, exist_ok=True)
        known.mkdir(mode=0o700, exist_ok=True)
        os.link(file, known / file.name)
    own = places.probes()
    if probes.exists():
        own.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(probes, own)
    yield
    if known.is_dir() and not any(hashed.iterdir()):
        _share(known, hashed)
    if own.is_file() and not probes.exists() and b'"absent"' not in own.read_bytes():
        shutil.copy(own, probes)


def _share(known: Path, hashed: Path) -> None:
    """Hand on the hashes of a library, once there are some."""
    for file in known.iterdir():
        if file.stat().st_size > _WORTH_SHARING:
            os.link(file, hashed / file.name)


@pytest.fixture(name="git")
def _git() -> Callable[..., str]:
    """The person's git."""
    return git


MakeProject = Callable[..., Path]


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """Make a committed project from file names and texts; `program.md` and the target have defaults."""

    def make(files: dict[str, str] | None = None, name: str = "project") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for path, text in ({"program.md": PROGRAM, "run.sh": TARGET} | (files or {})).items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(dedent(text), encoding="utf-8")
        git(folder, "init", "--quiet")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "The project")
        return folder

    return make


@pytest.fixture
def project(make_project: MakeProject) -> Path:
    """A project whose target is a shell script that prints its own loss: 3."""
    return make_project()


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture(name="home_of")
def _home_of() -> Callable[[Path], Path]:
    """The state folder of the one session of a project."""
    return home_of


@pytest.fixture
def done(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished session of its own."""
    return copy(tmp_path_factory, tmp_path)


class Agent:
    """A client that speaks in tool calls and keeps the last answer."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must succeed; return its structure."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, _text(result.content)
        assert result.structured_content is not None
        return dict(result.structured_content)

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must refuse; return its text."""
        result = await self.client.call_tool(tool, arguments)
        text = _text(result.content)
        assert result.is_error, text
        assert text.startswith(f"ERROR {tool}: ")
        return text


def _text(content: Any) -> str:
    assert len(content) == 1
    assert isinstance(content[0], TextContent)
    return content[0].text


Connect = Callable[..., AbstractAsyncContextManager[Agent]]


@pytest.fixture
def connect() -> Connect:
    """Connect an agent in memory to a server of a project folder."""

    @asynccontextmanager
    async def connected(folder: Path, tag: str | None = None, mode: str = "auto") -> AsyncGenerator[Agent, None]:
        async with Client(build(folder, tag), raise_exceptions=True, mode=mode) as client:
            yield Agent(client)

    return connected


@pytest.fixture
def connect_stdio() -> Connect:
    """Connect an agent to a server process over standard input and output."""

    @asynccontextmanager
    async def connected(folder: Path, *flags: str, mode: str = "auto") -> AsyncGenerator[Agent, None]:
        words = ["-m", "referee", "serve", "--repo", str(folder), *flags]
        server = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ), cwd="/")
        async with Client(server, mode=mode) as client:
            yield Agent(client)

    return connected
