"""The command line as a whole: its table, its help, its exit codes."""

from pathlib import Path

import pytest
from referee.server import cli

from tests.sessions import referee


def test_an_unknown_command_names_the_nearest_one_and_is_a_usage_fault() -> None:
    done = referee("chek")
    assert done.returncode == 2
    assert done.stderr == "referee: unknown command 'chek'. Did you mean 'check'?\n"


def test_no_command_prints_the_list_and_is_a_usage_fault() -> None:
    done = referee()
    assert done.returncode == 2
    assert all(name in done.stdout for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = referee(name, "--help")
    assert done.returncode == 0
    assert "--repo" in done.stdout or name in {"demo", "hook"}


def test_a_known_fault_is_one_message_and_no_traceback(tmp_path: Path) -> None:
    done = referee("status", "--repo", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("referee: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_fault_that_nobody_foresaw_names_a_file_with_the_details(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> int:
        raise ZeroDivisionError("not foreseen")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("referee.server.commands.status.status", broken)
    assert cli.main(["status"]) == 3
    said = capsys.readouterr().err
    details = next(tmp_path.glob("referee-fault-*.txt"))
    assert str(details) in said
    assert "Traceback" not in said
    assert "ZeroDivisionError: not foreseen" in details.read_text(encoding="utf-8")
