"""Nothing of a trial is alive when its result arrives, nor after anything of Referee has been killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from referee.sandbox import launch, wire
from referee.sandbox.backends import BACKENDS
from referee.sandbox.errors import SandboxError
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import Limits

from .conftest import Lab, make_lab

_WAIT = 60.0

# Leaves a process that ignores every signal it can, in a session of its own, with standard output in its hands.
_DAEMON = """
import os, signal, sys
def daemon():
    ready, told = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            code = ("import os, signal, time\\n"
                    "for s in range(1, 32):\\n"
                    "    if s not in (9, 19): signal.signal(s, signal.SIG_IGN)\\n"
                    "os.write({fd}, b'x')\\n"
                    "while True: time.sleep(60)").format(fd=told)
            os.set_inheritable(told, True)
            os.execv(sys.executable, [sys.executable, "-c", code, TOKEN])
        os._exit(0)
    os.read(ready, 1)
TOKEN = "%s"
"""


def _daemon(lab: Lab) -> str:
    return _DAEMON % lab.token


def alive(token: str) -> list[int]:
    """Return the processes whose command line holds the token."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and token.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, for a bounded time."""
    limit = time.monotonic() + _WAIT
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)


@pytest.mark.promise("confined trial")
def test_a_daemon_that_ignores_signals_is_dead_before_the_result(lab: Lab) -> None:
    run = lab.run(_daemon(lab) + "daemon(); daemon(); print('score: 1')", metrics=("score",))
    assert alive(lab.token) == []
    assert (run.outcome, dict(run.metrics)) == ("ok", {"score": 1.0})


def test_a_daemon_of_a_trial_that_runs_out_of_time_is_dead_before_the_result(lab: Lab) -> None:
    code = _daemon(lab) + "daemon()\nimport time\nwhile True: time.sleep(60)"
    assert lab.run(code, limits=Limits(wall_seconds=2)).outcome == "timeout"
    assert alive(lab.token) == []


def test_a_family_that_keeps_forking_is_dead_before_the_result(lab: Lab) -> None:
    code = """
import os, sys, time
print(sys.argv[1], flush=True)
end = time.monotonic() + 30
for _ in range(4):
    if os.fork() == 0:
        while time.monotonic() < end:
            if os.fork():
                os._exit(0)
        os._exit(0)
"""
    argv = (*lab.spec("").argv, lab.token)
    assert lab.run(code, argv=argv).outcome == "ok"
    assert alive(lab.token) == []
    assert lab.said() == f"{lab.token}\n"


def test_cancelling_kills_the_trial_and_returns_only_then(lab: Lab) -> None:
    code = _daemon(lab) + "daemon()\nimport time\nwhile True: time.sleep(60)"

    async def cancelled() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(lab.launcher.run, lab.spec(code), lab.key)
            await anyio.to_thread.run_sync(until, lambda: bool(alive(lab.token)))
            group.cancel_scope.cancel()

    anyio.run(cancelled)
    assert alive(lab.token) == []
    assert lab.leftovers() == []


def test_closing_the_launcher_kills_running_trials(lab: Lab) -> None:
    code = _daemon(lab) + "daemon()\nimport time\nwhile True: time.sleep(60)"

    async def closed() -> None:
        launcher = Launcher()

        async def run() -> None:
            with pytest.raises(SandboxError):
                await launcher.run(lab.spec(code), lab.key)

        async with anyio.create_task_group() as group:
            group.start_soon(run)
            await anyio.to_thread.run_sync(until, lambda: bool(alive(lab.token)))
            await launcher.aclose()

    anyio.run(closed)
    assert alive(lab.token) == []


_SERVER = """
import anyio, json, sys
from referee.sandbox import launch, wire
from referee.sandbox.launch import Launcher
async def main():
    async with Launcher() as launcher:
        await launcher.run(wire.spec_of(json.load(open(sys.argv[1]))), sys.argv[2])
anyio.run(main)
"""


@pytest.fixture
def server(lab: Lab) -> subprocess.Popen[bytes]:
    """A server process with a running trial that has a daemon."""
    code = _daemon(lab) + "daemon()\nimport time\nwhile True: time.sleep(60)"
    request = lab.base / "request.json"
    request.write_bytes(wire.encode(wire.spec_message(lab.spec(code, limits=Limits(wall_seconds=300)))))
    started = subprocess.Popen([sys.executable, "-c", _SERVER, str(request), lab.key])
    until(lambda: bool(alive(lab.token)))
    return started


def children(pid: int, thread: str = "") -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{thread or pid}/children").read_text().split()]


def own_children() -> set[int]:
    return {child for thread in os.listdir("/proc/self/task") for child in children(os.getpid(), thread)}


@pytest.mark.promise("nothing lost")
def test_a_server_killed_with_9_leaves_no_process_and_no_folder(lab: Lab, server: subprocess.Popen[bytes]) -> None:
    (supervisor,) = children(server.pid)
    watch = os.pidfd_open(supervisor)
    server.kill()
    server.wait(_WAIT)
    until(lambda: not alive(lab.token))
    until(lambda: not lab.leftovers())
    until(lambda: not Path(f"/proc/{supervisor}").exists())
    os.close(watch)


def test_a_supervisor_killed_with_9_leaves_no_process_and_no_folder(lab: Lab, server: subprocess.Popen[bytes]) -> None:
    (supervisor,) = children(server.pid)
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not alive(lab.token))
    until(lambda: not lab.leftovers())
    assert server.wait(_WAIT) != 0


def test_a_trials_own_process_killed_with_9_leaves_no_process(lab: Lab, server: subprocess.Popen[bytes]) -> None:
    (supervisor,) = children(server.pid)
    (keeper,) = children(supervisor)
    os.kill(keeper, signal.SIGKILL)
    until(lambda: not alive(lab.token))
    assert server.wait(_WAIT) != 0


def test_a_dead_supervisor_fails_its_trial_and_is_replaced(lab: Lab) -> None:
    code = _daemon(lab) + "daemon()\nimport time\nwhile True: time.sleep(60)"

    async def killed() -> None:
        before = own_children()
        async with Launcher() as launcher:

            async def run() -> None:
                with pytest.raises(SandboxError, match=r"nobody waits|without a result"):
                    await launcher.run(lab.spec(code), lab.key)

            async with anyio.create_task_group() as group:
                group.start_soon(run)
                await anyio.to_thread.run_sync(until, lambda: bool(alive(lab.token)))
                (supervisor,) = own_children() - before
                os.kill(supervisor, signal.SIGKILL)
            assert alive(lab.token) == []
            assert (await launcher.run(lab.spec("print(1)"), lab.key)).outcome == "ok"

    anyio.run(killed)


def test_trials_at_the_same_time_do_not_disturb_each_other(lab: Lab) -> None:
    async def together() -> list[str]:
        outcomes: list[str] = []

        async def one(index: int) -> None:
            spec = lab.spec(f"print('score: {index}')", metrics=("score",), log=f"{lab.log}{index}")
            run = await lab.launcher.run(spec, lab.key)
            assert run.metrics["score"] == index
            outcomes.append(run.outcome)

        async with anyio.create_task_group() as group:
            for index in range(4):
                group.start_soon(one, index)
        return outcomes

    assert anyio.run(together) == ["ok"] * 4
    assert lab.leftovers() == []


def test_the_folder_of_a_killed_trial_is_removed_by_the_next(lab: Lab) -> None:
    stale = lab.scratch / "trial-0123"
    stale.mkdir(parents=True)
    (stale / "left").write_text("x")
    assert lab.run("print(1)").outcome == "ok"
    assert lab.leftovers() == []
    assert set(BACKENDS) >= {lab.key}


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "import os, sys, socket; os.close(int(sys.argv[1]))"])
def test_a_supervisor_that_cannot_start_is_a_fault_and_never_a_result(
    ground: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(launch, "_CODE", code)
    lab = make_lab(ground, "none", Launcher())

    async def run() -> None:
        async with lab.launcher as launcher:
            for _ in range(2):
                with pytest.raises(SandboxError, match="nothing was measured"):
                    await launcher.run(lab.spec("x" * 1_000_000), lab.key)

    anyio.run(run)
