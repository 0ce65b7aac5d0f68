"""`referee init`: what it sees, what it guesses, and what it never does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from referee.server.commands.init import init
from referee.server.printed_names import printed_names
from referee.server.program_text import Answers, program_text, scalar
from referee.session import program
from referee.session.contract import Program
from referee.session.errors import ProgramError, RepositoryError

Git = Callable[..., str]
NOTHING = Answers("", "", "", "", "")
TRAIN = """\
import os
import torch
CACHE = os.path.join(os.path.expanduser("~"), ".cache", "autoresearch")
print("---")
print(f"val_bpb:          {0.9:.6f}")
print(f"training_seconds: {300.1:.1f}")
print(f"peak_vram_mb:     {45060.2:.1f}")
"""


@pytest.fixture
def make(tmp_path: Path, git: Git) -> Callable[..., Path]:
    """Make a project without a `program.md` from file names and texts; by default it is committed."""

    def made(files: dict[str, str], *, commit: bool = True) -> Path:
        folder = tmp_path / "project"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        git(folder, "init", "--quiet")
        if commit:
            git(folder, "add", "--all")
            git(folder, "commit", "--quiet", "--message", "project")
        return folder

    return made


def written(folder: Path, flags: Answers = NOTHING) -> Program:
    """Run init without anybody to ask, and read what it wrote."""
    assert init(folder, flags, ask=None, only_print=False) == 0
    return program.load(folder / "program.md")


def refuser(folder: Path, flags: Answers = NOTHING) -> str:
    """Run init where it must refuse, and return its words."""
    with pytest.raises((ProgramError, RepositoryError)) as fault:
        init(folder, flags, ask=None, only_print=False)
    assert not (folder / "program.md").exists()
    return str(fault.value)


def test_a_karpathy_shaped_project_needs_no_answers(make: Callable[..., Path]) -> None:
    found = written(make({"train.py": TRAIN, "prepare.py": "print(f'cost: {1}')"})).contract
    assert found.target.path == "train.py"
    assert found.evaluate.command == ("python3", "train.py")
    assert {name: metric.goal for name, metric in found.metrics.items()} == {"val_bpb": "minimize"}


def test_an_evaluator_beside_one_other_file_tells_target_and_command(make: Callable[..., Path]) -> None:
    files = {"evaluate.py": 'print("accuracy:", 0.5)', "prompt.md": "Say yes.\n", "README.md": "# it\n"}
    found = written(make(files)).contract
    assert found.target.path == "prompt.md"
    assert found.evaluate.command == ("python3", "evaluate.py")
    assert found.metrics["accuracy"].goal == "maximize"


def test_a_virtual_environment_is_used_by_the_command(make: Callable[..., Path]) -> None:
    folder = make({"train.py": TRAIN})
    (folder / ".venv").mkdir()
    (folder / ".venv" / "pyvenv.cfg").touch()
    assert written(folder).contract.evaluate.command == (".venv/bin/python", "train.py")


def test_a_uv_project_without_its_environment_is_told_to_sync(
    make: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    found = written(make({"train.py": TRAIN, "uv.lock": ""}))
    assert found.contract.evaluate.command == ("uv", "run", "train.py")
    assert "uv sync" in capsys.readouterr().out


def test_a_cache_that_the_sources_name_becomes_an_input_and_others_do_not(make: Callable[..., Path]) -> None:
    for name in ("autoresearch", "pip", "print"):
        (Path.home() / ".cache" / name).mkdir(parents=True)
    assert written(make({"train.py": TRAIN})).contract.sandbox.inputs == ("~/.cache/autoresearch",)


def test_flags_win_over_guesses(make: Callable[..., Path]) -> None:
    folder = make({"train.py": TRAIN, "other.py": "pass\n"})
    found = written(folder, Answers("other.py", "sh -c 'echo x: 1'", "x", "maximize", "90s")).contract
    assert (found.target.path, found.evaluate.timeout) == ("other.py", 90.0)
    assert found.evaluate.command == ("sh", "-c", "echo x: 1")
    assert found.metrics["x"].goal == "maximize"


@pytest.mark.parametrize(
    ("files", "flag"),
    [
        pytest.param({"a.py": "pass\n", "b.py": "pass\n"}, "--target", id="no file reports a number"),
        pytest.param({"evaluate.py": "pass\n", "a.py": "\n", "b.py": "\n"}, "--target", id="two candidates"),
        pytest.param({"evaluate.py": "pass\n", "a.py": "\n"}, "--metric", id="nothing is printed"),
        pytest.param({"train.py": "print('a:', 1)\nprint('b:', 2)\n"}, "--metric", id="two unknown numbers"),
        pytest.param({"train.py": "print('vans:', 1)\n"}, "--goal", id="a number of unknown direction"),
        pytest.param({"train.py": "print('error_score:', 1)\n"}, "--goal", id="a name that says both"),
    ],
)
def test_what_nobody_knows_is_refused_naming_the_flag(
    files: dict[str, str], flag: str, make: Callable[..., Path]
) -> None:
    assert flag in refuser(make(files))


def test_a_target_that_is_no_file_is_refused_with_the_nearest_name(make: Callable[..., Path]) -> None:
    flags = Answers("trian.py", "", "", "", "")
    assert "Did you mean 'train.py'?" in refuser(make({"train.py": TRAIN}), flags)


def test_a_command_that_only_a_shell_understands_is_refused_before_anything_is_written(
    make: Callable[..., Path],
) -> None:
    flags = Answers("", "python3 train.py | tee log", "", "", "")
    assert "without a shell" in refuser(make({"train.py": TRAIN}), flags)


def test_an_existing_program_is_never_overwritten(make: Callable[..., Path]) -> None:
    folder = make({"train.py": TRAIN, "program.md": "mine\n"})
    with pytest.raises(ProgramError, match="exists already"):
        init(folder, NOTHING, ask=None, only_print=False)
    assert (folder / "program.md").read_text(encoding="utf-8") == "mine\n"


def test_a_link_in_the_place_of_the_program_is_not_followed(make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make({"train.py": TRAIN})
    (folder / "program.md").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProgramError, match="exists already"):
        init(folder, NOTHING, ask=None, only_print=False)
    assert not (tmp_path / "elsewhere").exists()


def test_print_writes_nothing_even_beside_an_existing_program(
    make: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make({"train.py": TRAIN, "program.md": "mine\n"})
    assert init(folder, NOTHING, ask=None, only_print=True) == 0
    assert program.parse(capsys.readouterr().out).contract.target.path == "train.py"
    assert (folder / "program.md").read_text(encoding="utf-8") == "mine\n"


def test_answers_are_asked_for_with_the_guess_and_an_empty_one_takes_it(make: Callable[..., Path]) -> None:
    asked: list[tuple[str, str]] = []

    def ask(name: str, guess: str) -> str:
        asked.append((name, guess))
        return "maximize" if name == "goal" else ""

    folder = make({"train.py": "print('vans:', 1)\n"})
    assert init(folder, NOTHING, ask=ask, only_print=False) == 0
    assert asked == [
        ("target", "train.py"),
        ("command", "python3 train.py"),
        ("metric", "vans"),
        ("goal", ""),
        ("timeout", "10m"),
    ]
    assert program.load(folder / "program.md").contract.metrics["vans"].goal == "maximize"


def test_a_repository_without_a_commit_is_told_the_git_command_and_git_is_not_run(
    make: Callable[..., Path], git: Git, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make({"train.py": TRAIN}, commit=False)
    written(folder)
    offered = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("first"))
    assert git(folder, "status", "--porcelain") == "?? program.md\n?? train.py"
    command = offered.removeprefix("first").partition("   (")[0].strip()
    run_as_person(command, folder)
    assert git(folder, "ls-files") == "program.md\ntrain.py"


def test_an_untracked_target_and_evaluator_are_named_in_the_git_command_that_works(
    make: Callable[..., Path], git: Git, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make({"README.md": "x\n"})
    (folder / "the target.md").write_text("x\n", encoding="utf-8")
    (folder / "evaluate.py").write_text("print('loss:', 1)\n", encoding="utf-8")
    written(folder, Answers("the target.md", "python3 evaluate.py", "loss", "", ""))
    offered = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("first"))
    run_as_person(offered.removeprefix("first").partition("   (")[0].strip(), folder)
    assert git(folder, "show", "--name-only", "--format=", "HEAD").splitlines() == ["evaluate.py", "the target.md"]


def run_as_person(command: str, folder: Path) -> None:
    """Run a printed command as a person with an identity would."""
    identity = {
        "GIT_AUTHOR_NAME": "P",
        "GIT_AUTHOR_EMAIL": "p@example.org",
        "GIT_COMMITTER_NAME": "P",
        "GIT_COMMITTER_EMAIL": "p@example.org",
    }
    subprocess.run(["sh", "-c", command], cwd=folder, env=dict(os.environ) | identity, check=True, capture_output=True)


def test_nothing_of_the_project_is_executed(make: Callable[..., Path], tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\nprint('loss:', 1)\n"
    folder = make({"train.py": trap, "prepare.py": trap, "conftest.py": trap, "sitecustomize.py": trap})
    words = [sys.executable, "-m", "referee", "init", "--repo", str(folder), "--yes"]
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    assert "train.py -> loss (minimize)" in done.stdout
    assert f"referee check --repo {folder}" in done.stdout
    assert not (tmp_path / "sprung").exists()


def test_the_command_refuses_with_one_line_and_exit_code_one(make: Callable[..., Path]) -> None:
    folder = make({"a.py": "pass\n"})
    words = [sys.executable, "-m", "referee", "init", "--repo", str(folder)]
    done = subprocess.run(
        words, capture_output=True, text=True, encoding="utf-8", check=False, cwd="/", stdin=subprocess.DEVNULL
    )
    assert done.returncode == 1
    assert done.stderr.startswith("referee: init: cannot tell the target")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('print(f"val_bpb:          {x:.6f}")', ["val_bpb"]),
        ('print("loss:", x)', ["loss"]),
        ('print("loss :", x)', ["loss"]),
        ('print("loss: %.4f" % x)', ["loss"]),
        ('print("loss: {:.4f}".format(x))', ["loss"]),
        ('print("loss: " + str(x))', ["loss"]),
        ('print(f"METRIC loss={x}")', ["loss"]),
        ('print(f"a: {x}\\nb: {y}")', ["a", "b"]),
        ('print(json.dumps({"score": x, "n": 3}))', ["score", "n"]),
        ('print("note: no value")', []),
        ('print(f"step {n} loss: {x}")', []),
        ('print(f"loss: {x} nats")', []),
        ('log(f"loss: {x}")', []),
        ("print(", []),
        ("(" * 5000, []),
    ],
)
def test_names_are_read_from_what_print_calls_would_write(source: str, names: list[str]) -> None:
    assert printed_names(source) == names


@example(".5")
@example("._5")
@example("1e3")
@example("Null")
@example(".inf")
@example("a: b")
@example("a #b")
@example("~")
@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cc", "Cs", "Zl", "Zp"))))
def test_any_text_is_read_back_from_the_yaml_as_it_was(text: str) -> None:
    answers = Answers("train.py", "python3 train.py", "loss", "minimize", "10m")
    written = program_text(answers, []).replace("target: train.py\n", f"target: train.py\nreadable: [{scalar(text)}]\n")
    if text.strip() and text.isprintable():
        assert program.parse(written).contract.readable == (text,)
