"""What `referee init` and `referee check` say and do about GPUs, on machines with device nodes in their place."""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from referee.sandbox import bubblewrap
from referee.sandbox.errors import SandboxUnavailableError
from referee.session import program
from referee.session.loop import Call, Loop
from referee.session.places import find_checkout

from tests.projects import program as program_text
from tests.sandbox import gpu_machine, ordinary_user

pytestmark = pytest.mark.skipif(bool(gpu_machine.missing()), reason=gpu_machine.missing())

MakeProject = Callable[..., Path]
TRAIN = "import {library}\nprint('loss:', 1)\n"


def referee(folder: Path, nodes: tuple[str, ...], *words: str, over: tuple[str, ...] = ()) -> tuple[int, str, str]:
    """Run a command as a person would on a machine with these nodes: its exit code and what it said."""
    command = [sys.executable, "-m", "referee", *words, "--repo", str(folder)]
    done = gpu_machine.run(folder.parent, nodes, *command, over=over)
    return done.returncode, done.stdout, done.stderr


def written(make_project: MakeProject, library: str, nodes: tuple[str, ...]) -> tuple[str, str]:
    """Run init where a program imports a library: the value of `gpu`, and what was said of it."""
    folder = make_project({"train.py": TRAIN.format(library=library)})
    (folder / "program.md").unlink()
    code, said, fault = referee(folder, nodes, "init", "--yes", "--target", "train.py")
    assert code == 0, fault
    lines = [line for line in said.splitlines() if line.startswith("gpu ")]
    return str(program.load(folder / "program.md").contract.sandbox.gpu), "\n".join(lines)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_init_gives_the_gpus_to_a_program_that_computes_on_them_and_says_why(
    make_project: MakeProject, library: str
) -> None:
    value, said = written(make_project, library, gpu_machine.NVIDIA)
    assert value == "all"
    assert said.startswith(f"gpu    all: {library} is imported, and there are /dev/nvidia0, /dev/nvidia")


@pytest.mark.parametrize(("library", "nodes"), [("csv", gpu_machine.NVIDIA), ("torch", ())])
def test_init_says_nothing_of_gpus_without_a_library_or_without_a_gpu(
    make_project: MakeProject, library: str, nodes: tuple[str, ...]
) -> None:
    assert written(make_project, library, nodes) == ("none", "")


def test_init_writes_a_program_that_runs_where_the_driver_is_half_loaded_and_says_what_is_missing(
    make_project: MakeProject,
) -> None:
    value, said = written(make_project, "torch", gpu_machine.NVIDIA[:3])
    assert value == "none"
    assert said.startswith("gpu    none, although torch is imported: /dev/nvidia-uvm is missing; CUDA needs it: ")


def test_check_shows_the_nodes_that_trials_are_given(make_project: MakeProject) -> None:
    folder = make_project(
        {"program.md": program_text(more="sandbox: {gpu: [0]}"), "run.sh": "ls /dev/nvidia0 && echo loss: 3\n"}
    )
    code, said, fault = referee(folder, gpu_machine.NVIDIA, "check")
    assert code == 0, said + fault
    assert "gpu        0: /dev/nvidia0, /dev/nvidiactl, /dev/nvidia-uvm" in said.splitlines()
    code, said, fault = referee(folder, gpu_machine.NVIDIA, "check", "--json")
    assert json.loads(said)["gpu"]["nodes"] == ["/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"]


def test_check_has_no_line_of_gpus_that_nobody_asked_for(make_project: MakeProject) -> None:
    _, said, _ = referee(make_project(), gpu_machine.NVIDIA, "check")
    assert "nvidia" not in said


@pytest.mark.promise("honest about itself")
@pytest.mark.skipif(not bubblewrap.program(), reason="bubblewrap is to be hidden")
def test_check_says_what_landlock_cannot_stop_a_users_own_trial_with_a_gpu_from_doing(
    make_project: MakeProject,
) -> None:
    folder = make_project({"program.md": program_text(more="sandbox: {gpu: all}")})
    hidden = f"/dev/null:{bubblewrap.program()}"
    code, said, fault = referee(folder, gpu_machine.NVIDIA, "check", over=(hidden,))
    assert code == 0, said + fault
    assert "sandbox    limited: landlock" in said
    assert ("under Landlock a trial with a GPU can mark your other processes" in said) is (os.geteuid() != 0)


def test_a_contract_that_asks_for_a_gpu_which_is_not_there_is_refused_before_the_first_trial(
    make_project: MakeProject,
) -> None:
    folder = make_project(
        {"program.md": program_text(more="sandbox: {gpu: [0, 4]}"), "run.sh": "touch ran; echo loss: 3\n"}
    )
    code, said, fault = referee(folder, gpu_machine.NVIDIA, "check")
    assert (code, said) == (1, "")
    assert (
        "sandbox.gpu: found 0 (/dev/nvidia0), 1 (/dev/nvidia1), expected 4: name only what is there, or all." in fault
    )
    state = Path(os.environ["REFEREE_STATE_DIR"])
    assert not list(state.rglob("*.log"))


@pytest.mark.promise("honest about itself")
def test_no_session_is_opened_for_a_gpu_that_is_not_there(make_project: MakeProject) -> None:
    folder = make_project({"program.md": program_text(more="sandbox: {gpu: [999]}")})

    async def play() -> None:
        async with Loop(folder, None) as loop:
            await loop.run(Call("run_eval"), "the baseline", 60)

    with pytest.raises(SandboxUnavailableError, match=r"sandbox\.gpu: found "):
        anyio.run(play)
    assert not find_checkout(folder).pointers().exists()


@pytest.mark.endurance
@pytest.mark.timeout(600)
@pytest.mark.skipif(bool(ordinary_user.missing()), reason=ordinary_user.missing())
def test_an_ordinary_user_is_shown_the_same() -> None:
    with tempfile.TemporaryDirectory() as ground:
        ordinary_user.run_tests(Path(ground), __file__, seconds=580)
