"""Root's home is closed to a trial's own user; an interpreter or a project in it can be used all the same."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from referee.sandbox import scratch, ways
from referee.sandbox.launch import Launcher

from .conftest import Lab, make_lab, unavailable

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's trial is that user")

_MOUNTING = ("bubblewrap", "landlock")


@pytest.fixture
def closed(ground: Path) -> Iterator[Path]:
    """A folder like root's home: nobody else may pass it."""
    ground.chmod(0o755)
    home = ground / "home"
    home.mkdir(mode=0o700)
    (home / "secret").write_text("hunter2")
    yield home
    scratch.remove(str(home))


@pytest.fixture(params=_MOUNTING)
def inside(request: pytest.FixtureRequest, closed: Path, launcher: Launcher) -> Lab:
    """A project in the closed folder."""
    if reason := unavailable(str(request.param)):
        pytest.skip(reason)
    (closed / "lab").mkdir()
    return make_lab(closed / "lab", str(request.param), launcher)


def test_a_project_in_a_closed_folder_is_seen_at_its_own_path(inside: Lab) -> None:
    run = inside.run("import os; print(os.getcwd()); open('new', 'w').write('x'); print(open('prepare.py').read())")
    assert run.outcome == "ok", inside.said()
    assert inside.said() == f"{inside.root}\nLIMIT = 1\n\n"
    assert list(inside.root.iterdir()) == []


def test_an_interpreter_and_inputs_in_a_closed_folder_can_be_used(inside: Lab, closed: Path) -> None:
    tools = closed / "tools"
    tools.mkdir()
    python = str(shutil.copy("/usr/bin/python3", tools / "python3"))
    (closed / "data.csv").write_text("1,2")
    spec = inside.spec(
        f"import sys; print(sys.executable, open({str(closed / 'data.csv')!r}).read())",
        argv=(python, "-B", "train.py"),
        inputs=(str(tools), str(closed / "data.csv")),
    )
    assert inside.measure(spec).outcome == "ok", inside.said()
    assert inside.said() == f"{python} 1,2\n"


@pytest.mark.promise("confined trial")
def test_nothing_else_of_a_closed_folder_exists(inside: Lab, closed: Path) -> None:
    assert inside.run(f"import os; print(os.path.exists({str(closed / 'secret')!r}))").outcome == "ok"
    assert inside.said() == "False\n"


@pytest.mark.promise("confined trial")
def test_a_cover_cannot_be_written(inside: Lab, closed: Path) -> None:
    inside.run(f"open({str(closed / 'mark')!r}, 'w')")
    assert not (closed / "mark").exists()


def test_the_outermost_closed_folder_is_named(closed: Path) -> None:
    (closed / "a").mkdir(mode=0o700)
    assert ways.closed(str(closed / "a" / "b")) == str(closed)
    assert ways.closed("/usr/bin/python3") == ""


def test_the_interpreter_that_runs_referee_runs_trials(launcher: Launcher, ground: Path) -> None:
    for key in _MOUNTING:
        if unavailable(key):
            continue
        base = ground / key
        base.mkdir()
        lab = make_lab(base, key, launcher)
        python = os.path.realpath(sys.executable)
        spec = lab.spec("print(1)", argv=(python, "-B", "train.py"), inputs=(os.path.realpath(sys.base_prefix),))
        assert lab.measure(spec).outcome == "ok", lab.said()
