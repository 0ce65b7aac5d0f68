"""What is published: the registry's entry, the workflows, and the wheel run as people run it who install nothing."""

import json
import re
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from referee import __version__
from referee.tools.table import TOOLS

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
PATIENCE = 300.0
USES = re.compile(r"uses: (\S+)")
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "wheel", "version": "1"}}
CALL = {"name": "run_trial", "arguments": {"description": "lower", "content": "echo loss: 1\n"}}
ASKED: tuple[tuple[str, dict[str, Any]], ...] = (("initialize", HELLO), ("tools/list", {}), ("tools/call", CALL))
RUNNERS = {"uvx": ("uv", "uvx", "--from"), "pipx": ("pipx", "pipx", "run", "--spec")}


def test_the_entry_of_the_registry_names_this_package_and_version() -> None:
    entry = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
    (package,) = entry["packages"]
    assert (package["registryType"], package["identifier"]) == ("pypi", "referee-mcp")
    assert entry["version"] == package["version"] == __version__
    assert len(entry["description"]) <= 100  # the most that the registry takes
    assert f"<!-- mcp-name: {entry['name']} -->" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("workflow", sorted(path.name for path in WORKFLOWS.iterdir()))
def test_a_workflow_has_no_permission_but_those_of_its_jobs_and_runs_pinned_actions(workflow: str) -> None:
    text = (WORKFLOWS / workflow).read_text(encoding="utf-8")
    used = USES.findall(text)
    assert "\npermissions: {}\n" in text
    assert used
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action) for action in used)


def _run(*words: str, cwd: Path) -> None:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _asked(words: list[str]) -> list[dict[str, Any]]:
    """What a server answers to a handshake, the list of tools and one call."""
    answers: list[dict[str, Any]] = []
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for number, (method, params) in enumerate(ASKED):
            request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            server.stdin.write(json.dumps(request).encode() + b"\n")
            server.stdin.flush()
            assert select.select([server.stdout], [], [], PATIENCE)[0], "no answer"
            answers.append(json.loads(server.stdout.readline()))
        server.stdin.close()
        assert server.wait(PATIENCE) == 0
    return [answer["result"] for answer in answers]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("runner", RUNNERS)
def test_the_wheel_serves_a_session_without_being_installed(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: str
) -> None:
    package, script, *words = RUNNERS[runner]
    _run(sys.executable, "-m", "venv", "env", cwd=tmp_path)
    scripts = tmp_path / "env" / "bin"
    _run(str(scripts / "python"), "-m", "pip", "install", "--quiet", "build", package, cwd=tmp_path)
    _run(str(scripts / "python"), "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(ROOT), cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    for name in ("UV_CACHE_DIR", "UV_TOOL_DIR", "PIPX_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("UV_PYTHON", sys.executable)
    serve = [str(scripts / script), *words, str(wheel), "referee-mcp", "--repo", str(project)]
    hello, listed, called = _asked(serve)
    assert hello["serverInfo"]["version"] == __version__
    assert [tool["name"] for tool in listed["tools"]] == list(TOOLS)
    assert called["structuredContent"]["decision"] == "keep"
