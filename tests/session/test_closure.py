"""What an evaluator executes is what it was when the session opened, interpreter, library and bytecode included."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from referee.session.closure import closure
from referee.session.libraries import libraries
from referee.session.pins import Pins

from tests.projects import program
from tests.session.conftest import JUDGED_FILES
from tests.session.meanwhile import during_a_trial, finished
from tests.session.pythons import Python, copied, flip, wait_until_settled
from tests.sessions import interference

Make = Callable[..., Path]
JUDGE = "import sys, helper\nprint('loss:', helper.loss(open(sys.argv[1]).read()))\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Python:
    """One copy for all; each test leaves it as it was."""
    return copied(tmp_path_factory.mktemp("copied"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A declared input."""
    place = tmp_path / "data" / "labels.csv"
    place.parent.mkdir()
    place.write_text("1,2\n", encoding="utf-8")
    return place


@pytest.fixture
def measured(make_project: Make, shared: Python, data: Path) -> Path:
    """A project whose evaluator runs in the copied environment."""
    more = f"sandbox: {{inputs: ['{data.parent}'], env: {{LD_LIBRARY_PATH: '{shared.prefix}/lib'}}}}"
    front = program("loss.txt", f"{shared.program} judge.py loss.txt", more)
    return make_project({"program.md": front, "judge.py": JUDGE, "loss.txt": "3\n"})


PLACES: dict[str, Callable[[Python, Path], Path]] = {
    "input": lambda _, data: data,
    "interpreter": lambda python, _: python.interpreter,
    "library": lambda python, _: python.library / "json" / "decoder.py",
    "package": lambda python, _: python.packages / "helper.py",
    "bytecode": lambda python, _: python.bytecode,
}


@pytest.mark.promise("frozen judge")
@pytest.mark.anyio
@pytest.mark.parametrize("put_back", [False, True], ids=["", "time put back"])
@pytest.mark.parametrize("what", PLACES)
async def test_one_byte_changed_between_two_runs_is_named_and_refused_until_it_is_put_back(
    connect: Any,
    measured: Path,
    shared: Python,
    data: Path,
    what: str,
    put_back: bool,  # noqa: FBT001 - a case
) -> None:
    place = PLACES[what](shared, data)
    async with connect(measured, "mar8") as agent:
        await agent("run_trial", description="first", content="2\n")
        flip(place, put_back=put_back)
        try:
            said = await agent.refused("run_trial", description="next", content="1\n")
        finally:
            flip(place, put_back=put_back)
        assert f"{place} is not what it was when the session opened" in said
        answer = await agent("run_trial", description="next", content="1\n")
    assert answer["metrics"] == {"loss": 1.0}


@pytest.mark.promise("frozen judge")
@pytest.mark.anyio
async def test_one_byte_of_the_snapshot_with_its_time_put_back_is_named_and_measures_nothing(
    connect: Any, measured: Path, home_of: Any
) -> None:
    async with connect(measured, "mar8") as agent:
        await agent("run_eval", description="baseline")
        flip(home_of(measured) / "snapshot" / "judge.py", put_back=True)
        answer = await agent("run_trial", description="next", content="2\n")
    assert answer["metrics"] == {"loss": 2.0}
    assert "judge.py was changed in the snapshot; it was rebuilt from git" in interference(measured)


@pytest.mark.promise("frozen judge")
@pytest.mark.anyio
async def test_one_byte_changed_while_no_server_runs_is_named_and_refused(
    connect: Any, measured: Path, shared: Python
) -> None:
    wait_until_settled(shared.packages)
    async with connect(measured, "mar8") as agent:
        await agent("run_eval", description="baseline")
    flip(shared.bytecode, put_back=True)
    try:
        async with connect(measured, "mar8") as agent:
            said = [await agent.refused("run_trial", description="next", content="1\n") for _ in range(2)]
    finally:
        flip(shared.bytecode, put_back=True)
    assert all(f"{shared.bytecode} is not what it was when the session opened" in text for text in said)


@pytest.mark.promise("frozen judge")
@pytest.mark.anyio
async def test_an_input_that_is_changed_while_a_trial_runs_makes_it_a_crash_and_refuses_the_next(
    connect: Any, make_project: Make, data: Path
) -> None:
    front = JUDGED_FILES["program.md"].replace("\n---\n", f"\nsandbox: {{inputs: ['{data.parent}']}}\n---\n")
    project = make_project(JUDGED_FILES | {"program.md": front})
    async with during_a_trial(connect, project) as agent:
        flip(data, put_back=True)
        answer = await finished(agent)
        refused = await agent.refused("run_trial", description="later", content="echo loss: 1\n")
    assert answer["verdict"] == "crash"
    assert answer["reason"] == f"{data} was changed while the trial ran, so it does not count"
    assert f"{data} is not what it was" in refused
    assert f"{data} was changed while trial 1 ran" in interference(project)


@pytest.mark.parametrize("name", ["lib/python{0}.zip", "lib/{1}/sitecustomize.py", "lib/{1}/json/__pycache__/new.pyc"])
def test_what_appears_in_front_of_or_within_the_standard_library_is_named(shared: Python, name: str) -> None:
    version = shared.library.name
    pins = Pins((str(shared.program),))
    pins.take()
    place = shared.prefix / name.format(version.removeprefix("python").replace(".", ""), version)
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"")
    try:
        assert str(place) in pins.moved() or str(place.parent) in pins.moved()
    finally:
        place.unlink()


def test_a_configuration_that_appears_beside_an_interpreter_is_named(shared: Python) -> None:
    pins = Pins((str(shared.interpreter),))
    pins.take()
    for place in (shared.prefix / "bin" / "pyvenv.cfg", shared.prefix / "pyvenv.cfg"):
        place.write_text("home = /elsewhere\n", encoding="utf-8")
        try:
            assert pins.moved() == [str(place)]
        finally:
            place.unlink()
    assert pins.moved() == []


@pytest.mark.parametrize("used", [False, True])
def test_packages_of_the_base_are_pinned_only_where_the_environment_uses_them(tmp_path: Path, used: bool) -> None:  # noqa: FBT001 - a case
    packages = tmp_path / "base" / "lib" / "python3.12" / "site-packages"
    packages.mkdir(parents=True)
    environment = tmp_path / "environment"
    environment.mkdir()
    said = f"home = {tmp_path}/base/bin\ninclude-system-site-packages = {str(used).lower()}\n"
    (environment / "pyvenv.cfg").write_text(said, encoding="utf-8")
    pins = Pins((str(environment),))
    pins.take()
    (packages / "new.py").write_text("", encoding="utf-8")
    assert pins.moved() == ([str(packages / "new.py")] if used else [])


def test_an_environment_whose_base_is_reached_by_a_link_follows_the_link(tmp_path: Path) -> None:
    for version, text in (("a", "one"), ("b", "two")):
        library = tmp_path / version / "lib" / "python3.12"
        library.mkdir(parents=True)
        (library / "os.py").write_text(text, encoding="utf-8")
    (tmp_path / "current").symlink_to("a")
    environment = tmp_path / "environment"
    environment.mkdir()
    (environment / "pyvenv.cfg").write_text(f"home = {tmp_path}/current/bin\n", encoding="utf-8")
    pins = Pins((str(environment),))
    pins.take()
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("b")
    assert pins.moved() == [str(tmp_path / "current" / "lib" / "python3.12" / "os.py")]


def test_the_libraries_are_those_that_the_linker_says_it_loads() -> None:
    said = subprocess.run(["ldd", sys.executable], capture_output=True, text=True, check=True).stdout
    loaded = {os.path.realpath(word) for line in said.splitlines() for word in line.split() if word.startswith("/")}
    assert loaded
    assert {os.path.realpath(path) for path in libraries([sys.executable])} == loaded
    assert loaded <= {os.path.realpath(place.path) for place in closure(sys.executable)}


@pytest.mark.parametrize("cut", [0, 3, 20, 70, 1000])
def test_a_file_that_is_no_sound_program_has_no_libraries_of_its_own(tmp_path: Path, cut: int) -> None:
    (tmp_path / "program").write_bytes(Path(sys.executable).read_bytes()[:cut])
    assert set(libraries([str(tmp_path / "program")])) <= set(libraries([sys.executable]))
    assert libraries([str(tmp_path), str(tmp_path / "missing"), "/dev/null"]) == []


def test_a_folder_that_is_no_environment_and_a_plain_file_bring_nothing_along(tmp_path: Path) -> None:
    (tmp_path / "python3").mkdir()
    (tmp_path / "data.csv").write_text("1\n", encoding="utf-8")
    for place in (tmp_path, tmp_path / "python3", tmp_path / "data.csv"):
        assert closure(str(place)) == ()
