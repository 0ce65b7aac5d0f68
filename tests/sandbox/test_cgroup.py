"""Control groups bound memory and tasks and count CPU time; they are made only where that is ours, and leave nothing.

What needs a group runs with whatever this machine gives, version 1 or 2, and is skipped with the reason elsewhere.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from referee.sandbox import cgroup, probe, scratch
from referee.sandbox.cgroup import Group
from referee.sandbox.errors import SandboxError

MIB = 1 << 20
_LINKS = str(Path(__file__).parents[2] / ".links")

# Every hog takes 4 MiB at a time, `pieces` times at most, and says so if it got that far.
_HOG = "piece = b'x' * (4 << 20)\nheld = []\nfor _ in range(%d):\n    %s\nprint('whole')"
_KEEPERS = {
    "private pages": "held.append(bytearray(piece))",
    "memfd": "import os; held or held.append(os.memfd_create('hog')); os.write(held[0], piece)",
    "tmpfs": "import tempfile; held or held.append(tempfile.TemporaryFile(dir='/dev/shm')); held[0].write(piece)",
}
_FORKS = """
import os, signal
refused = 0
for _ in range(%d):
    try:
        if os.fork() == 0:
            os.close(1), os.close(2)
            signal.alarm(60), signal.pause()
    except BlockingIOError:
        refused += 1
print(refused)
"""
_BOMB = """
import os, signal
signal.alarm(60)
while True:
    try:
        if os.fork() == 0:
            signal.alarm(60)
    except BlockingIOError:
        pass
"""
_IGNORED_CHILD = """
import os, resource, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    while time.process_time() < 0.4:
        pass
    os._exit(0)
try:
    os.wait()
except ChildProcessError:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime)
"""
_JOINED = """
import json, sys
from referee.sandbox import cgroup, cgroup_v1, cgroup_v2
number, folders, code = json.loads(sys.argv[1])
cgroup.Group({1: cgroup_v1, 2: cgroup_v2}[number], folders, []).join()
exec(code, {})
"""
_MAKER = """
import os, signal, sys
from referee.sandbox import cgroup
group = cgroup.make(1 << 26, 16)
folders = list(dict.fromkeys(group.folders.values()))
for folder in folders:
    os.mkdir(folder + "/made-by-the-trial")
if sys.argv[1] != "alone" and os.fork() == 0:
    if sys.argv[1] == "in the group":
        group.join()
        code = "import os, signal, sys; print(*sys.argv[1:], os.getpid(), flush=True); signal.alarm(60), signal.pause()"
        os.execv(sys.executable, [sys.executable, "-c", code, *folders])
    print(*folders, os.getpid(), flush=True)
    signal.alarm(60), signal.pause()
if sys.argv[1] == "alone":
    print(*folders, os.getpid(), flush=True)
signal.alarm(60), signal.pause()
"""
_IN_A_SCOPE = """
import subprocess, sys
from referee.sandbox import cgroup
before = cgroup.make(1 << 26, 8)
before.remove()
print(sorted(before.folders), cgroup.settle(), cgroup.settle())
group = cgroup.make(1 << 26, 8)
hog = subprocess.run([sys.executable, "-c", sys.argv[1]], preexec_fn=group.join)
print(sorted(group.folders), hog.returncode, group.out_of_memory())
group.remove()
"""


def _make(memory_bytes: int, tasks: int, *needed: str) -> Group:
    made = cgroup.make(memory_bytes, tasks)
    if made is None:
        pytest.skip(cgroup.describe())
    if not set(needed) <= made.folders.keys():
        made.remove()
        pytest.skip(cgroup.describe())
    return made


@pytest.fixture
def group() -> Iterator[Group]:
    """A group of 64 MiB and eight tasks, in full force."""
    made = _make(64 * MIB, 8, "memory", "pids", "cpu")
    yield made
    made.kill()
    made.remove()


def _command(group: Group, code: str) -> list[str]:
    return [sys.executable, "-c", _JOINED, json.dumps([group.version.NUMBER, dict(group.folders), code])]


def _inside(group: Group, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(group, code), capture_output=True, text=True, timeout=100, check=False)


def _ours() -> set[str]:
    """Return every group of ours, whoever made it, where this process may make them."""
    return {
        f"{parent}/{name}" for parent in cgroup.places() for name in os.listdir(parent) if name.startswith("referee-")
    }


@pytest.mark.parametrize("keeper", _KEEPERS.values(), ids=_KEEPERS)
def test_a_trial_beyond_its_memory_is_killed_wherever_it_keeps_it(group: Group, keeper: str) -> None:
    done = _inside(group, _HOG % (50, keeper))
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
    assert group.out_of_memory()
    assert (group.peak_memory_bytes() or 0) <= 64 * MIB


@pytest.mark.parametrize("keeper", _KEEPERS.values(), ids=_KEEPERS)
def test_a_trial_within_its_memory_is_left_alone(group: Group, keeper: str) -> None:
    done = _inside(group, _HOG % (8, keeper))
    assert (done.returncode, done.stdout, group.out_of_memory()) == (0, "whole\n", False)
    assert 32 * MIB < (group.peak_memory_bytes() or 0) < 64 * MIB


def test_reading_more_than_the_memory_is_no_breach(group: Group, tmp_path: Path) -> None:
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(tmp_path)], capture_output=True, text=True, check=True).stdout
    if kind.strip() in {"tmpfs", "overlayfs"}:
        pytest.skip("temporary files lie in memory here")
    code = "import os\nfile = open(%r, 'wb')\nfor _ in range(24):\n    file.write(b'x' * (4 << 20)); os.fsync(file)"
    assert _inside(group, code % str(tmp_path / "big")).returncode == 0
    assert (group.peak_memory_bytes() or 0) > 63 * MIB
    assert not group.out_of_memory()


@pytest.mark.parametrize(("forks", "refused"), [(5, 0), (20, 13)])
def test_tasks_beyond_the_bound_are_refused(group: Group, forks: int, refused: int) -> None:
    done = _inside(group, _FORKS % forks)
    assert (done.stdout, group.tasks()) == (f"{refused}\n", forks - refused)
    assert group.refused_tasks() == (refused > 0)


def test_cpu_time_of_children_that_nobody_waits_for_is_counted(group: Group) -> None:
    done = _inside(group, _IGNORED_CHILD)
    assert float(done.stdout) < 0.1
    assert (group.cpu_seconds() or 0) >= 0.4


def test_kill_empties_a_group_that_never_stops_forking(group: Group) -> None:
    with subprocess.Popen(_command(group, _BOMB)) as bomb:
        while not group.refused_tasks():
            assert bomb.poll() is None
        group.kill()
        assert (bomb.wait(60), group.members()) == (-signal.SIGKILL, set())


def test_kill_that_cannot_succeed_in_time_says_who_is_alive(group: Group) -> None:
    _inside(group, _FORKS % 2)
    with pytest.raises(SandboxError, match=r"still alive .* after 0 s: \[\d+, \d+\]"):
        group.kill(seconds=0)


def test_nothing_is_left_of_a_removed_group(group: Group) -> None:
    folders = set(group.folders.values())
    assert folders <= _ours()
    for folder in folders:
        Path(folder, "made-by-the-trial").mkdir()
    group.remove()
    group.remove()
    assert not folders & _ours()
    assert (group.memory_bytes(), group.tasks(), group.cpu_seconds(), group.out_of_memory()) == (
        None,
        None,
        None,
        False,
    )
    assert "could not enter its control group" in _inside(group, "").stderr


def test_a_group_that_stays_is_named(group: Group) -> None:
    _inside(group, _FORKS % 1)
    with pytest.raises(SandboxError, match=r"/referee-\d+-[0-9a-f]+ could not be removed"):
        group.remove(seconds=0)


def _killed_maker(kind: str) -> tuple[set[str], int]:
    """Return the folders whose maker was killed, and the process that is alone with them (the maker itself if none)."""
    with subprocess.Popen([sys.executable, "-c", _MAKER, kind], stdout=subprocess.PIPE, text=True) as maker:
        *folders, pid = (maker.stdout.readline() if maker.stdout else "").split()
        cgroup.sweep()
        assert folders
        assert set(folders) <= _ours()
        maker.kill()
    return set(folders), int(pid)


@pytest.mark.usefixtures("group")
def test_a_group_is_swept_once_its_maker_is_gone() -> None:
    folders, _ = _killed_maker("alone")
    cgroup.sweep()
    assert not folders & _ours()


@pytest.mark.usefixtures("group")
@pytest.mark.parametrize("kind", ["in the group", "holding it"])
def test_a_group_is_not_swept_while_something_of_its_maker_is_in_it_or_holds_it(kind: str) -> None:
    folders, pid = _killed_maker(kind)
    watch = os.pidfd_open(pid)
    cgroup.sweep()
    assert folders <= _ours()
    signal.pidfd_send_signal(watch, signal.SIGKILL)
    assert select.select([watch], [], [], 60)[0]
    os.close(watch)
    cgroup.sweep()
    assert not folders & _ours()


@pytest.mark.parametrize(
    "name", ["foreign", "referee-1-x", "referee-x-0123456789abcdef", "referee-0-0123456789abcdeff"]
)
def test_a_foreign_group_is_not_swept(group: Group, name: str) -> None:
    foreign = Path(group.folders["cpu"]).parent / name
    foreign.mkdir()
    try:
        cgroup.sweep()
        assert foreign.exists()
    finally:
        foreign.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    "jail",
    [
        ["setpriv", "--reuid", "61234", "--regid", "61234", "--clear-groups", "--"],
        ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--"],
    ],
    ids=["ordinary user", "read-only container"],
)
def test_none_is_made_where_none_may_be_and_nothing_is_left(jail: list[str]) -> None:
    code = (
        f"import os, sys; sys.path.insert(0, {_LINKS!r}); from referee.sandbox import cgroup as c\n"
        "print(c.make(1 << 26, 9), c.settle(), os.getpid()); c.sweep(); print(c.describe())"
    )
    python, _ = probe.interpreter()
    command = [*jail, python, "-I", "-B", "-c", code]
    if not scratch.reachable(_LINKS) or not shutil.which(jail[0]):
        pytest.skip(f"{jail[0]} is missing, or the checkout lies in a folder that other users cannot enter")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "bwrap: " in done.stderr:
        pytest.skip(done.stderr)
    tried, description = done.stdout.splitlines()
    assert tried.startswith("None False ")
    assert description.startswith("no control group can be made here: /")
    assert not [folder for folder in _ours() if f"/referee-{tried.split()[2]}-" in folder]


@pytest.mark.skipif(not Path("/run/systemd/system").exists(), reason="systemd does not run here")
def test_a_process_alone_in_a_delegated_scope_gives_its_trials_bounds() -> None:
    scope = ["systemd-run", *(["--user"] if os.geteuid() else []), "--scope", "--quiet", "--property=Delegate=yes"]
    hog = _HOG % (50, _KEEPERS["memfd"])
    done = subprocess.run(
        [*scope, sys.executable, "-c", _IN_A_SCOPE, hog], capture_output=True, text=True, timeout=60, check=False
    )
    if "Failed to connect to bus" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout.splitlines() == ["['cpu'] True False", "['cpu', 'memory', 'pids'] -9 True"], done.stderr


def test_the_description_says_what_a_group_does(group: Group) -> None:
    number = group.version.NUMBER
    expected = f"control groups (version {number}) bound memory, bound the number of tasks, count CPU time"
    assert cgroup.describe() == expected
