"""`referee init --client`: an entry in a client's files is added, shown and taken away, and nothing else changes."""

import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from referee.server.client_entries.change import Options, change
from referee.server.clients import entry

from tests.projects import program
from tests.server.entry_files import FILES, OTHERS, SETTINGS, THEIRS, held, init, put, tree

Say = Callable[..., tuple[int, str, str]]
CLIENTS = pytest.mark.parametrize("client", FILES)


@pytest.fixture
def say(project: Path) -> Say:
    """Run `referee init --client`."""

    def said(client: str, *words: str) -> tuple[int, str, str]:
        return init(project, "--client", client, *words)

    return said


@CLIENTS
def test_where_there_is_no_file_one_is_written_and_taken_away_again(say: Say, project: Path, client: str) -> None:
    before = tree(project)
    assert say(client)[0] == 0
    words = held(project, client)["args"]
    assert words == ["serve", "--repo", str(project)]
    assert os.access(held(project, client)["command"], os.X_OK)
    code, out, _ = say(client, "--remove")
    assert (code, tree(project)) == (0, before)
    assert "removed" in out


@CLIENTS
def test_what_stands_in_the_file_stays_byte_for_byte(say: Say, project: Path, client: str) -> None:
    place = put(project, client, OTHERS[client])
    place.chmod(0o600)
    assert say(client)[0] == 0
    assert held(project, client)
    text = place.read_text(encoding="utf-8")
    assert all(line in text for line in ('"other": {"command": "x"}', "2.50") if client == "claude")
    assert client != "codex" or text.startswith(OTHERS["codex"])
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert say(client, "--remove")[0] == 0
    assert place.read_text(encoding="utf-8") == OTHERS[client]


@CLIENTS
def test_a_second_time_changes_nothing(say: Say, project: Path, client: str) -> None:
    say(client)
    before = tree(project)
    code, out, _ = say(client)
    assert (code, tree(project)) == (0, before)
    assert "nothing to do" in out


@CLIENTS
def test_an_entry_of_the_person_is_overwritten_only_after_a_yes(say: Say, project: Path, client: str) -> None:
    place = put(project, client, THEIRS[client])
    before = tree(project)
    code, out, err = say(client)
    assert (code, tree(project)) == (1, before)
    assert "--yes" in err
    assert "mine" in out
    assert change(project, Options(client), ask=lambda _: False) == 0
    assert tree(project) == before
    assert change(project, Options(client), ask=lambda _: True) == 0
    assert held(project, client)["args"]
    assert say(client, "--remove")[0] == 0
    assert held(project, client) == {"command": "mine"}
    assert "Added by" not in place.read_text(encoding="utf-8")


@CLIENTS
def test_an_entry_that_was_there_before_is_not_taken_away(say: Say, project: Path, client: str) -> None:
    say(client)
    (text,) = [(project / FILES[client]).read_text(encoding="utf-8")]
    say(client, "--remove")
    put(project, client, text)
    say(client)
    code, out, _ = say(client, "--remove")
    assert code == 0
    assert held(project, client)
    assert "nothing in it was added" in out


@CLIENTS
def test_an_entry_that_was_changed_since_is_removed_only_after_a_yes(say: Say, project: Path, client: str) -> None:
    say(client)
    place = project / FILES[client]
    place.write_text(place.read_text(encoding="utf-8").replace('"serve"', '"serve-it"'), encoding="utf-8")
    code, _, err = say(client, "--remove")
    assert code == 1
    assert "remove it: the same command with --yes" in err
    assert say(client, "--remove", "--yes")[0] == 0
    assert not place.exists()


@CLIENTS
def test_print_shows_and_writes_nothing(say: Say, project: Path, client: str) -> None:
    before = tree(project)
    code, out, _ = say(client, "--print")
    assert (code, tree(project)) == (0, before)
    assert f"+++ {FILES[client]}" in out


@CLIENTS
def test_portable_names_no_place_of_this_machine(say: Say, project: Path, client: str) -> None:
    assert say(client, "--portable")[0] == 0
    found = held(project, client)
    assert (found["command"], found["args"]) == ("referee", ["serve", "--repo", "."])
    written = b"".join(data for path, data in tree(project).items() if data and "/." in path.removeprefix(str(project)))
    assert str(project).encode() not in written
    assert str(Path.home()).encode() not in written


def test_claude_is_told_to_wait_to_show_the_tools_and_to_approve_them(say: Say, project: Path) -> None:
    (project / ".claude").mkdir()
    (project / SETTINGS).write_text('{"permissions": {"allow": ["Bash(ls)"], "deny": ["Read(x)"]}}', encoding="utf-8")
    _, out, _ = say("claude")
    assert held(project, "claude")["timeout"] == 7_200_000
    assert held(project, "claude")["alwaysLoad"] is True
    settings = json.loads((project / SETTINGS).read_text(encoding="utf-8"))
    assert settings["enabledMcpjsonServers"] == ["referee"]
    assert settings["permissions"] == {"allow": ["Bash(ls)", "mcp__referee__*"], "deny": ["Read(x)"]}
    assert "trusted" in out


def test_codex_is_told_to_wait_for_the_server_and_to_approve_its_tools(say: Say, project: Path) -> None:
    _, out, _ = say("codex")
    found = held(project, "codex")
    assert (found["required"], found["default_tools_approval_mode"]) == (True, "approve")
    assert found["startup_timeout_sec"] == entry.START_SECONDS
    assert "REFEREE_STATE_DIR" in found["env_vars"]
    assert "trusted project" in out


@pytest.mark.parametrize(("timeout", "seconds"), [("20s", 7200), ("3h", 3 * 3600 * 5 + 600)])
def test_a_call_may_last_as_long_as_all_runs_of_a_trial(say: Say, project: Path, timeout: str, seconds: int) -> None:
    text = program(timeout=timeout).replace(f"{timeout}}}", f"{timeout}, repeats: 5}}")
    (project / "program.md").write_text(text, encoding="utf-8")
    say("codex")
    assert held(project, "codex")["tool_timeout_sec"] == seconds


def test_no_file_denies_a_client_anything(say: Say, project: Path) -> None:
    for client in FILES:
        say(client)
    written = b"".join(data for data in tree(project).values() if data)
    assert not any(word in written for word in (b"deny", b"disabled", b"sandbox_mode", b"approval_policy"))


def test_a_generic_entry_is_printed_or_added_where_asked(say: Say, project: Path) -> None:
    before = tree(project)
    code, out, _ = say("generic")
    assert (code, tree(project)) == (0, before)
    assert json.loads(out)["mcpServers"]["referee"]["args"][0] == "serve"
    assert say("generic", "--into", ".cursor/mcp.json")[0] == 0
    assert say("generic", "--into", ".vscode/mcp.json")[0] == 0
    assert json.loads((project / ".vscode" / "mcp.json").read_text(encoding="utf-8"))["servers"]["referee"]
    for place in (".cursor/mcp.json", ".vscode/mcp.json"):
        assert say("generic", "--into", place, "--remove")[0] == 0
    assert tree(project) == before


def test_a_project_without_a_program_gets_one_first(say: Say, project: Path) -> None:
    (project / "program.md").unlink()
    (project / "train.py").write_text("print('val_bpb:', 0.5)\n", encoding="utf-8")
    subprocess.run(["git", "add", "train.py"], cwd=project, check=True)
    code, out, _ = say("claude", "--target", "train.py", "--command", "python3 train.py", "--metric", "val_bpb")
    assert code == 0, out
    assert "target: train.py" in (project / "program.md").read_text(encoding="utf-8")
    assert held(project, "claude")


def test_taking_away_asks_for_no_program(say: Say, project: Path) -> None:
    (project / "program.md").unlink()
    code, out, _ = say("claude", "--remove")
    assert (code, out.strip()) == (0, "Nothing to remove.")
    assert not (project / "program.md").exists()


def test_without_what_was_remembered_our_entry_alone_goes(say: Say, project: Path) -> None:
    """As in a colleague's clone of what `--portable` wrote."""
    say("claude", "--portable")
    for found in Path(os.environ["REFEREE_STATE_DIR"]).rglob(".clients.json"):
        found.unlink()
    assert say("claude", "--remove")[0] == 0
    assert held(project, "claude") is None
    assert json.loads((project / ".claude/settings.json").read_text(encoding="utf-8"))["enabledMcpjsonServers"] == []


@CLIENTS
def test_a_file_that_its_owner_put_in_the_place_of_ours_is_not_taken_away(say: Say, project: Path, client: str) -> None:
    say(client)
    place = put(project, client, THEIRS[client])
    say(client, "--yes")
    say(client, "--remove")
    assert held(project, client) == {"command": "mine"}
    assert place.exists()
