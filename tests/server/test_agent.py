"""How clients are started: locked to our tools, configured in the state alone, and read for what they cost."""

import json
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.server.cli import main
from referee.server.clients.base import Lock, Told
from referee.server.clients.claude import Claude
from referee.server.clients.codex import Codex, toml

from tests.projects import PROGRAM
from tests.server.launches import after, launched, overrides

Fake = Callable[..., Path]


# --- Claude Code -----------------------------------------------------------------------------------------------------


def test_claude_locked_strictly_has_our_tools_alone(fake: Fake, tmp_path: Path) -> None:
    program = fake("claude")
    words = Claude().headless(launched(tmp_path), "go on")
    assert words[:3] == [str(program), "-p", "go on"]
    assert after(words, "--tools") == ""
    assert after(words, "--allowedTools") == "mcp__referee__*"
    assert after(words, "--permission-mode") == "dontAsk"
    assert after(words, "--mcp-config") == str(tmp_path / "agent" / "claude.mcp.json")
    assert "--strict-mcp-config" in words
    assert after(words, "--output-format") == "stream-json"
    assert "--max-budget-usd" not in words


def test_claude_locked_to_the_web_has_its_search_as_well(fake: Fake, tmp_path: Path) -> None:
    fake("claude")
    words = Claude().headless(launched(tmp_path, lock=Lock.WEB), "go on")
    assert after(words, "--tools") == "WebSearch,WebFetch"
    assert after(words, "--allowedTools") == "mcp__referee__*,WebSearch,WebFetch"
    assert "--strict-mcp-config" in words


def test_claude_unlocked_has_the_persons_permissions_and_our_server(fake: Fake, tmp_path: Path) -> None:
    fake("claude")
    words = Claude().interactive(launched(tmp_path, lock=Lock.OFF), "go on")
    assert not {"--tools", "--strict-mcp-config", "--permission-mode", "-p"} & set(words)
    assert after(words, "--allowedTools") == "mcp__referee__*"


def test_claude_gets_the_dollars_that_are_left_the_model_and_the_persons_arguments(fake: Fake, tmp_path: Path) -> None:
    fake("claude")
    words = Claude().headless(launched(tmp_path, usd=1.254, model="opus", more=("--effort", "high")), "go on")
    assert after(words, "--max-budget-usd") == "1.25"
    assert after(words, "--model") == "opus"
    assert words[-2:] == ["--effort", "high"]


def test_no_call_of_claude_is_cut_or_moved_to_the_background(tmp_path: Path) -> None:
    launch = launched(tmp_path)
    (data,) = Claude().files(launch).values()
    entry = json.loads(data)["mcpServers"]["referee"]
    assert (entry["command"], entry["args"]) == ("/bin/referee", ["serve", "--repo", "/p q"])
    assert (entry["timeout"], entry["alwaysLoad"]) == (7_200_000, True)
    assert Claude().environment(launch)["CLAUDE_CODE_MCP_AUTO_BACKGROUND_MS"] == "0"


def _lines(*events: dict[str, Any]) -> list[str]:
    return ["no JSON", "[1]", *(json.dumps(event) for event in events)]


def test_the_dollars_of_claude_are_those_of_its_result() -> None:
    said = {"type": "assistant", "message": {"content": [{"type": "text", "text": "thinking"}]}}
    told = Claude().told(_lines(said, {"type": "result", "total_cost_usd": 0.5, "result": "done"}), "")
    assert told == Told(usd=0.5, failed=False, complaints=(), last="done")


@pytest.mark.parametrize("usd", [None, "1", -1, True, float("nan"), float("inf")])
def test_what_is_no_amount_is_no_dollars(usd: object) -> None:
    assert Claude().told(_lines({"type": "result", "total_cost_usd": usd}), "").usd is None


def test_a_rate_limit_of_claude_is_looked_for_in_its_faults_alone() -> None:
    now = 1_795_284_000
    info = {"resetsAt": now + 60}
    talk = {"type": "assistant", "message": {"content": [{"type": "text", "text": "try again in 9 hours"}]}}
    warned = {"type": "rate_limit_event", "rate_limit_info": {"status": "allowed_warning", **info}}
    refused = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", **info}}
    assert Claude().told(_lines(talk, warned), "").complaints == ()
    assert Claude().told(_lines(talk, refused), "").complaints == (f"rate limit: resets_at {now + 60}",)
    failed = Claude().told(_lines({"type": "result", "is_error": True, "result": "limit · resets 3am"}), "")
    assert failed.complaints == ("limit · resets 3am",)
    assert failed.failed


# --- Codex -----------------------------------------------------------------------------------------------------------


def test_codex_locked_strictly_has_our_tools_alone(fake: Fake, tmp_path: Path) -> None:
    program = fake("codex")
    words = Codex().headless(launched(tmp_path), "go on")
    config = overrides(words)
    assert words[:3] == [str(program), "exec", "--json"]
    assert words[-1] == "go on"
    assert (config["approval_policy"], config["sandbox_mode"], config["web_search"]) == (
        "never",
        "read-only",
        "disabled",
    )
    off = {"shell_tool", "unified_exec", "view_image", "multi_agent", "goals", "apps", "plugins", "computer_use"}
    assert {name for name in off if config[f"features.{name}"] is False} == off
    entry = config["mcp_servers"]["referee"]
    assert (entry["command"], entry["args"]) == ("/bin/referee", ["serve", "--repo", "/p q"])
    assert (entry["required"], entry["startup_timeout_sec"], entry["tool_timeout_sec"]) == (True, 30, 7200)
    assert entry["default_tools_approval_mode"] == "approve"


def test_codex_locked_to_the_web_searches_and_unlocked_keeps_the_persons_settings(fake: Fake, tmp_path: Path) -> None:
    fake("codex")
    assert overrides(Codex().headless(launched(tmp_path, lock=Lock.WEB), ""))["web_search"] == "live"
    assert list(overrides(Codex().headless(launched(tmp_path, lock=Lock.OFF), ""))) == ["mcp_servers"]


def test_other_servers_of_the_person_and_the_project_are_disabled_whatever_their_names(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake("codex")
    mine, project = tmp_path / "mine", tmp_path / ".codex"
    mine.mkdir()
    project.mkdir()
    (mine / "config.toml").write_text('[mcp_servers."odd.name"]\ncommand="x"\n[mcp_servers.referee]\ncommand="y"\n')
    (project / "config.toml").write_text('[mcp_servers.other]\nurl="http://x"\n')
    monkeypatch.setenv("CODEX_HOME", str(mine))
    servers = overrides(Codex().headless(launched(tmp_path), ""))["mcp_servers"]
    assert {name for name, entry in servers.items() if entry == {"enabled": False}} == {"odd.name", "other"}
    assert servers["referee"]["command"] == "/bin/referee"


def test_no_value_of_an_inherited_variable_is_on_the_command_line(
    fake: Fake, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everybody on the machine may read it there."""
    fake("codex")
    monkeypatch.setenv("API_TOKEN", "hush-hush")
    (project / "program.md").write_text(PROGRAM.replace("---\nMake", "sandbox: {env: [API_TOKEN]}\n---\nMake"))
    assert main(["agent", "--client", "codex", "--repo", str(project), "--print"]) == 0
    shown = capsys.readouterr().out
    assert "hush-hush" not in shown
    command = shlex.split(shown.partition("command  ")[2])
    assert "API_TOKEN" in overrides(command)["mcp_servers"]["referee"]["env_vars"]


VALUES = st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8) | st.lists(st.text(max_size=8), max_size=3)
TABLES = st.dictionaries(st.text(max_size=8), VALUES, max_size=3)


@given(st.dictionaries(st.text(max_size=8), VALUES | TABLES, max_size=3))
def test_what_is_given_as_toml_reads_back_the_same(value: dict[str, Any]) -> None:
    assert tomllib.loads(f"x = {toml(value)}")["x"] == value


def test_faults_of_codex_are_read_and_a_turn_that_completes_forgives_them() -> None:
    error = {"type": "error", "message": "Reconnecting... 1/5"}
    failed = {"type": "turn.failed", "error": {"message": "usage limit. Try again at 3:40 PM."}}
    said = {"type": "item.completed", "item": {"type": "agent_message", "text": "done"}}
    told = Codex().told(_lines(error, failed), "")
    assert (told.failed, told.last) == (True, "usage limit. Try again at 3:40 PM.")
    assert told.complaints == ("Reconnecting... 1/5", "usage limit. Try again at 3:40 PM.")
    assert Codex().told(_lines(error, said, {"type": "turn.completed"}), "") == Told(last="done")
