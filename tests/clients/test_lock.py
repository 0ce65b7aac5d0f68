"""What an agent can do besides our tools: nothing, if it was started by us and not unlocked on purpose."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.bench import PATIENCE, Sit
from tests.clients.seats import CLAUDE, CODE_MODE, CODEX, Seat
from tests.clients.stub import Use
from tests.projects import everything

pytestmark = pytest.mark.clients

ANYTHING = {
    "claude": ["--client-arg=--dangerously-skip-permissions"],
    "codex": ["--client-arg=--dangerously-bypass-approvals-and-sandbox"],
}
DISABLED = "No such tool available: {}. {} is disabled for this session, in subagents as well as here."
REFUSALS = {
    "claude": [DISABLED.format(name, name) for name in ("Bash", "Read", "Edit", "Write", "Write", "WebFetch")],
    "codex": [*["unsupported call"] * 3, *["unsupported custom tool call"] * 2],
    "code mode": [
        "tools.exec_command is not a function",
        *["patch rejected: writing is blocked by read-only sandbox"] * 2,
        "unsupported import in exec",
        "process is not defined",
        "unsupported call: collaborationspawn_agent",
        "unsupported call: clocksleep",
    ],
}
ASKING = "request_user_input"  # in a headless run nobody is asked
RESOURCES = {"list_mcp_resources", "list_mcp_resource_templates", "read_mcp_resource"}
CELLS = {"functions", "functions.exec", "functions.wait"}
BESIDES = {
    "claude": {"DeferredToolPlaceholder"},
    "codex": RESOURCES | {ASKING},
    "code mode": CELLS | {f"functions.{ASKING}", f"functions.{ASKING}_async"},
}
WRITTEN = {"claude": {"bash", "written"}, "codex": {"shell"}, "code mode": {"shell", "patched"}}
Natives = Callable[[Path, Path], list[Use]]


def _opened(name: str) -> bool:
    """Whether it is how the state of a session is found again."""
    return name.startswith(".git/referee-sessions")


def _claude(project: Path, outside: Path) -> list[Use]:
    return [
        Use("Bash", {"command": f"echo x > {outside}/bash; echo x > {project}/bash", "description": "write"}),
        Use("Read", {"file_path": str(project / "run.sh")}),
        Use("Edit", {"file_path": str(project / "run.sh"), "old_string": "loss: 3", "new_string": "loss: 0"}),
        Use("Write", {"file_path": str(project / "written"), "content": "x"}),
        Use("Write", {"file_path": str(outside / "written"), "content": "x"}),
        Use("WebFetch", {"url": "http://127.0.0.1:9/", "prompt": "read"}),
    ]


def _patch(path: Path) -> str:
    return f"*** Begin Patch\n*** Add File: {path}\n+x\n*** End Patch\n"


def _codex(project: Path, outside: Path) -> list[Use]:
    shell = f"echo x > {outside}/shell; echo x > {project}/shell"
    return [
        Use("exec_command", {"cmd": shell}),
        Use("shell_command", {"command": shell}),
        Use("shell", {"command": ["sh", "-c", shell]}),
        Use("apply_patch", _patch(project / "patched")),
        Use("apply_patch", _patch(outside / "patched")),
    ]


def _code_mode(project: Path, outside: Path) -> list[Use]:
    shell = json.dumps(f"echo x > {outside}/shell; echo x > {project}/shell")
    patches = [
        f"text(await tools.apply_patch({json.dumps(_patch(folder / 'patched'))}))" for folder in (project, outside)
    ]
    cells = [f"text(await tools.exec_command({{cmd: {shell}}}))", *patches]
    cells += ['text(await import("node:fs"))', "text(process.env)"]
    asked = Use("spawn_agent", {"task_name": "helper", "message": "write", "fork_turns": "none"}, "collaboration")
    return [*(Use("exec", script, "functions") for script in cells), asked, Use("sleep", {"duration_ms": 1}, "clock")]


WAYS = [(CLAUDE, _claude), (CODEX, _codex), (CODE_MODE, _code_mode)]
each_seat = pytest.mark.parametrize(("seat", "natives"), WAYS, ids=[seat.name for seat, _ in WAYS])


@each_seat
def test_a_locked_agent_that_tries_its_clients_own_tools_writes_nothing(
    sit: Sit, project: Path, tmp_path: Path, seat: Seat, natives: Natives
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    tries = natives(project, outside)
    bench = sit(seat, [*tries, seat.call("read_program")])
    before = everything(project)
    assert bench.client().wait(PATIENCE) == 0
    *refused, read = bench.stub.log.shown
    assert len(refused) == len(tries)
    assert all(said in shown.text for shown, said in zip(refused, REFUSALS[seat.name], strict=True))
    assert "You may edit one file" in read.text
    assert not list(outside.iterdir())
    offered = bench.stub.log.requests[0].tools
    assert {name for name in offered if not name.startswith("mcp__referee")} == BESIDES[seat.name]
    after = everything(project)
    assert {name: text for name, text in after.items() if not _opened(name)} == before


@each_seat
def test_an_agent_unlocked_on_purpose_writes(
    sit: Sit, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seat: Seat, natives: Natives
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    bench = sit(seat, natives(project, outside))
    monkeypatch.setenv("IS_SANDBOX", "1")  # as root, Claude Code lets nobody skip its permissions without it
    assert bench.client("--lock", "off", *ANYTHING[seat.client]).wait(PATIENCE) == 0
    assert {path.name for path in outside.iterdir()} == WRITTEN[seat.name]
    assert {path.name for path in project.iterdir()} == WRITTEN[seat.name] | {".git", "program.md", "run.sh"}
