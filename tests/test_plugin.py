"""The plugin for Claude Code and Codex: its manifests, and the hook that notes native calls beside a session."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from referee import __version__
from referee.session import native
from referee.session.native import noted
from referee.tools.table import TOOLS

from tests.server.pipe import ERAS, piped
from tests.sessions import home_of, referee

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "plugins" / "referee"
CALL = {"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "toolu_1", "session_id": "s1"}


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _hook(given: bytes) -> "subprocess.CompletedProcess[bytes]":
    words = [sys.executable, "-m", "referee", "hook", "native-call"]
    return subprocess.run(words, input=given, capture_output=True, check=False, cwd="/")


def _note(project: Path, **more: Any) -> "subprocess.CompletedProcess[bytes]":
    return _hook(json.dumps({**CALL, "cwd": str(project), **more}).encode())


@pytest.fixture(autouse=True)
def _no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLAUDE_PROJECT_DIR", raising=False)


@pytest.fixture
def session(project: Path, tmp_path: Path) -> Path:
    """A project whose session is open."""
    with piped(project, ERAS[0], tmp_path / "noise") as pipe:
        pipe.call("run_eval", {"description": "baseline"})
    return project


def test_every_manifest_names_the_plugin_and_the_version_of_the_package() -> None:
    (listed,) = _json(ROOT / ".claude-plugin" / "marketplace.json")["plugins"]
    manifest = _json(PLUGIN / ".claude-plugin" / "plugin.json")
    assert listed["name"] == manifest["name"] == "referee"
    assert (ROOT / listed["source"]).resolve() == PLUGIN
    assert manifest["version"] == __version__
    assert _json(PLUGIN / ".mcp.json")["mcpServers"]["referee"]["command"] == "referee-mcp"


def test_the_skill_and_the_hook_name_what_exists() -> None:
    skill = (PLUGIN / "skills" / "research" / "SKILL.md").read_text(encoding="utf-8")
    for tool in ("read_program", "run_trial", "run_eval", "read_results", "read_log", "read_file"):
        assert tool in TOOLS
        assert f"`{tool}`" in skill
    (hook,) = _json(PLUGIN / "hooks" / "hooks.json")["hooks"]["PostToolUse"][0]["hooks"]
    assert hook["command"].startswith("referee hook native-call")
    assert referee("hook", "native-call", "--help").returncode == 0
    assert len((PLUGIN / "README.md").read_text(encoding="utf-8").split()) >= 40
    assert (PLUGIN / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_a_native_call_is_noted_and_shown_by_audit(session: Path) -> None:
    done = [_note(session), _note(session, tool_name="Edit", tool_input={"file_path": "run.sh"})]
    assert all((one.returncode, one.stdout, one.stderr) == (0, b"", b"") for one in done)
    assert [call.tool for call in noted(home_of(session))] == ["Bash", "Edit"]
    shown = referee("audit", "--repo", str(session)).stdout
    assert "native tools of the client: 2 calls" in shown
    assert '"command": "ls"' in shown
    data = json.loads(referee("audit", "--json", "--repo", str(session)).stdout)
    assert [(call["tool"], call["id"]) for call in data["native_calls"]] == [("Bash", "toolu_1"), ("Edit", "toolu_1")]
    assert referee("audit", "--verify", "--repo", str(session)).returncode == 0


def test_calls_of_mcp_tools_and_of_projects_without_a_session_are_not_noted(session: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for done in (_note(session, tool_name="mcp__referee__keep"), _note(other)):
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert noted(home_of(session)) == []


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"not JSON",
        b"[1]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"cwd": 5}',
        b'{"cwd": "/nowhere/at/all"}',
        b'{"cwd": "\\u0000"}',
    ],
    ids=["empty", "text", "list", "bytes", "deep", "number", "nowhere", "NUL"],
)
def test_whatever_a_hook_is_given_it_exits_with_0_and_prints_nothing(given: bytes) -> None:
    done = _hook(given)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_link_in_place_of_the_trail_is_not_followed(session: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine", encoding="utf-8")
    (home_of(session) / native.FILE).symlink_to(outside)
    assert _note(session).returncode == 0
    assert outside.read_text(encoding="utf-8") == "mine"
    assert "found something else than a plain file" in referee("audit", "--repo", str(session)).stderr


def test_a_trail_is_bounded_in_each_line_and_as_a_whole(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _note(session, tool_input={"content": "x" * 1_000_000})
    assert (home_of(session) / native.FILE).stat().st_size < 3000
    monkeypatch.setattr(native, "MOST_BYTES", 1)
    assert not native.note(CALL, session)
    assert len(noted(home_of(session))) == 1
