"""How clients are started: locked to our tools, configured in the state alone, and read for what they cost."""

import json
import os
import shlex
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.server.cli import main
from referee.server.clients.base import Launch, Lock, Server, Told
from referee.server.clients.claude import Claude
from referee.server.clients.codex import Codex, toml
from referee.server.clients.command import Command
from referee.session import prompts

from tests.projects import PROGRAM
from tests.server.nights import Night, Script, commit_program, limited
from tests.sessions import home_of, records, referee

SHOW = "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done; pwd; cat\n"
Fake = Callable[..., Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put a program of that name before all others."""

    def put(name: str, text: str = SHOW) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / name
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return program

    return put


def _launch(tmp_path: Path, **more: Any) -> Launch:
    server = Server(("/bin/referee", "serve", "--repo", "/p q"), {"REFEREE_STATE_DIR": "/s"}, ("PATH", "TOKEN"))
    return Launch(tmp_path, "mar8", tmp_path / "agent", server, **more)


def _after(words: list[str], flag: str) -> str:
    return words[words.index(flag) + 1]


# --- Claude Code -----------------------------------------------------------------------------------------------------


def test_claude_locked_strictly_has_our_tools_alone(fake: Fake, tmp_path: Path) -> None:
    program = fake("claude")
    words = Claude().headless(_launch(tmp_path), "go on")
    assert words[:3] == [str(program), "-p", "go on"]
    assert _after(words, "--tools") == ""
    assert _after(words, "--allowedTools") == "mcp__referee__*"
    assert _after(words, "--permission-mode") == "dontAsk"
    assert _after(words, "--mcp-config") == str(tmp_path / "agent" / "claude.mcp.json")
    assert "--strict-mcp-config" in words
    assert _after(words, "--output-format") == "stream-json"
    assert "--max-budget-usd" not in words


def test_claude_locked_to_the_web_has_its_search_as_well(fake: Fake, tmp_path: Path) -> None:
    fake("claude")
    words = Claude().headless(_launch(tmp_path, lock=Lock.WEB), "go on")
    assert _after(words, "--tools") == "WebSearch,WebFetch"
    assert _after(words, "--allowedTools") == "mcp__referee__*,WebSearch,WebFetch"
    assert "--strict-mcp-config" in words


def test_claude_unlocked_has_the_persons_permissions_and_our_server(fake: Fake, tmp_path: Path) -> None:
    fake("claude")
    words = Claude().interactive(_launch(tmp_path, lock=Lock.OFF), "go on")
    assert not {"--tools", "--strict-mcp-config", "--permission-mode", "-p"} & set(words)
    assert _after(words, "--allowedTools") == "mcp__referee__*"


def test_claude_gets_the_dollars_that_are_left_the_model_and_the_persons_arguments(fake: Fake, tmp_path: Path) -> None:
    fake("claude")
    words = Claude().headless(_launch(tmp_path, usd=1.254, model="opus", more=("--effort", "high")), "go on")
    assert _after(words, "--max-budget-usd") == "1.25"
    assert _after(words, "--model") == "opus"
    assert words[-2:] == ["--effort", "high"]


def test_no_call_of_claude_is_cut_or_moved_to_the_background(tmp_path: Path) -> None:
    launch = _launch(tmp_path)
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


def _config(words: list[str]) -> dict[str, Any]:
    """What the overrides of a command line say, as one table of dotted names."""
    given = [words[n + 1] for n, word in enumerate(words) if word == "-c"]
    return {key: tomllib.loads(f"x = {value}")["x"] for key, _, value in (one.partition("=") for one in given)}


def test_codex_locked_strictly_has_our_tools_alone(fake: Fake, tmp_path: Path) -> None:
    program = fake("codex")
    words = Codex().headless(_launch(tmp_path), "go on")
    config = _config(words)
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
    assert _config(Codex().headless(_launch(tmp_path, lock=Lock.WEB), ""))["web_search"] == "live"
    assert list(_config(Codex().headless(_launch(tmp_path, lock=Lock.OFF), ""))) == ["mcp_servers"]


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
    servers = _config(Codex().headless(_launch(tmp_path), ""))["mcp_servers"]
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
    assert "API_TOKEN" in _config(command)["mcp_servers"]["referee"]["env_vars"]


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


# --- any command line, and the command itself ------------------------------------------------------------------------


def test_a_command_line_gets_the_prompt_where_it_asks_for_it_and_else_on_standard_input(tmp_path: Path) -> None:
    launch = _launch(tmp_path, more=("--fast",))
    asked = Command(("sh", "-c", "x", "{prompt}"))
    assert asked.headless(launch, "go on")[1:] == ["-c", "x", "go on", "--fast"]
    assert asked.given("go on") == b""
    assert Command(("sh",)).given("go on") == b"go on"
    env = Command(("sh",)).environment(launch)
    assert shlex.split(env["REFEREE_SERVER"]) == ["/bin/referee", "serve", "--repo", "/p q"]
    assert (env["REFEREE_TAG"], env["REFEREE_STATE_DIR"]) == ("mar8", "/s")
    assert env["REFEREE_MCP_CONFIG"] == str(tmp_path / "agent" / "mcp.json")


def test_the_agent_command_becomes_the_client_in_the_project(fake: Fake, project: Path) -> None:
    fake("claude")
    done = referee("agent", "--repo", str(project), "--model", "opus", "--client-arg=--effort", "--client-arg=high")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "Type `go` when the client is there; it knows what to do. If it sees no tools yet, type it again.\n"
        f"--append-system-prompt\n{prompts.start()}"
    )
    assert done.stdout.splitlines()[-3:] == ["--effort", "high", str(project)]
    (entry,) = (home_of(project) / "agent").glob("claude.mcp.json")
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert {path.name for path in project.iterdir()} == {".git", "program.md", "run.sh"}


def test_the_server_that_a_client_starts_serves_that_session_from_a_bare_environment(
    fake: Fake, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Codex starts it: with its values alone."""
    fake("codex")
    assert main(["agent", "--client", "codex", "--repo", str(project), "--tag", "mine", "--print"]) == 0
    entry = _config(shlex.split(capsys.readouterr().out.partition("command  ")[2]))["mcp_servers"]["referee"]
    night = Night(project, [[{"trials": 1}]])
    inherited = " ".join(f'{name}="${name}"' for name in entry["env_vars"])
    own = " ".join(f"{name}={shlex.quote(value)}" for name, value in entry["env"].items())
    server = tmp_path / "server"
    server.write_text(f"#!/bin/sh\nexec env -i {own} {inherited} {shlex.join([entry['command'], *entry['args']])}\n")
    server.chmod(0o755)
    agent = ["env", f"REFEREE_SERVER={server}", *night.words()[-3:]]
    assert referee("agent", "--repo", str(project), "--tag", "mine", "--", *agent).returncode == 0
    assert [record.data["tag"] for record in records(project) if record.kind == "opened"] == ["mine"]
    assert len(night.state.trials) == 2


@pytest.mark.parametrize(
    ("name", "install"),
    [("claude", "npm install -g @anthropic-ai/claude-code"), ("codex", "npm install -g @openai/codex")],
)
@pytest.mark.parametrize("command", ["agent", "overnight"])
def test_a_client_that_is_not_installed_is_said_with_the_way_to_install_it(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    name: str,
    install: str,
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert main([command, "--repo", str(project), "--client", name]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"referee: {name} is not in PATH. Install it with `{install}`")
    assert not (project / ".git" / "referee-sessions").exists()


def test_a_program_that_is_not_valid_is_said_before_anything_is_written(
    fake: Fake, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake("claude")
    (project / "program.md").write_text("---\ntarget: run.sh\n---\n")
    assert main(["agent", "--repo", str(project), "--print"]) == 1
    assert "evaluate" in capsys.readouterr().err


CLAUDE = """#!/bin/sh
{agent} {script} "$@" >/dev/null
echo '{{"type":"result","is_error":false,"total_cost_usd":0.6,"result":"done"}}'
"""


def test_a_night_of_claude_ends_at_its_dollars_by_its_own_accounting(fake: Fake, project: Path) -> None:
    """What the agent reports beside it is recorded and not counted."""
    trial = {"call": "run_trial", "with": {"description": "cheap", "content": "echo loss: 2\n", "cost_usd": 9.0}}
    script: Script = [[trial], [{"trials": 1}], [{"trials": 1}]]
    commit_program(project, limited(max_cost_usd=1.0))
    night = Night(project, script)
    python, agent = night.words()[-3:-1]
    fake("claude", CLAUDE.format(agent=shlex.join([python, agent]), script=shlex.quote(str(night.script))))
    done = referee("overnight", "--repo", str(project), "--json")
    end = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    assert end["reason"] == "$1.20 of $1.0"
    assert [_after(line["args"], "--max-budget-usd") for line in night.runs] == ["1.00", "0.40"]
    assert end["budget"]["cost_usd_by_source"] == {"enforced": 1.2}
