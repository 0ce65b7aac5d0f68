"""The command `referee agent`: the client is started as it should be, or it is said what is missing."""

import json
import shlex
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from referee.server.cli import main
from referee.server.clients.command import Command
from referee.session import prompts

from tests.server.launches import after, launched, overrides
from tests.server.nights import Night, Script, commit_program, limited
from tests.sessions import home_of, records, referee

Fake = Callable[..., Path]


def test_a_command_line_gets_the_prompt_where_it_asks_for_it_and_else_on_standard_input(tmp_path: Path) -> None:
    launch = launched(tmp_path, more=("--fast",))
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
    entry = overrides(shlex.split(capsys.readouterr().out.partition("command  ")[2]))["mcp_servers"]["referee"]
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
    assert [after(line["args"], "--max-budget-usd") for line in night.runs] == ["1.00", "0.40"]
    assert end["budget"]["cost_usd_by_source"] == {"enforced": 1.2}
