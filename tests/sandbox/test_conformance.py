"""What every backend must do alike, from the strongest to the one that confines nothing."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from referee.sandbox.errors import SandboxError
from referee.sandbox.spec import Limits

from .conftest import FROZEN, Lab


def test_a_trial_that_exits_0_is_ok_and_its_metric_is_read(lab: Lab) -> None:
    run = lab.run("print('val_bpb: 0.9979')", metrics=("val_bpb",))
    assert (run.outcome, run.reason, dict(run.metrics), run.exit_code) == ("ok", "", {"val_bpb": 0.9979}, 0)


@pytest.mark.parametrize("code", [1, 2, 77, 127])
def test_an_exit_code_is_reported_as_a_crash(lab: Lab, code: int) -> None:
    run = lab.run(f"raise SystemExit({code})")
    assert (run.outcome, run.exit_code, run.signal) == ("crash", code, None)
    assert run.reason == f"the command ended with exit code {code}"


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGTERM", "SIGABRT"])
def test_a_signal_is_reported_by_name(lab: Lab, name: str) -> None:
    run = lab.run(f"import os, signal\nos.kill(os.getpid(), signal.{name})")
    assert (run.outcome, run.exit_code, run.signal) == ("crash", None, name)


def test_a_metric_of_a_failed_run_is_not_read(lab: Lab) -> None:
    run = lab.run("print('val_bpb: 0.1')\nraise SystemExit(3)", metrics=("val_bpb",))
    assert (run.outcome, dict(run.metrics)) == ("crash", {})


def test_a_missing_program_is_never_ok(lab: Lab) -> None:
    with suppress(SandboxError):
        assert lab.run("", argv=("/usr/bin/no-such-program",)).outcome == "crash"


def test_the_trial_sees_the_frozen_files_and_the_draft_exactly(lab: Lab) -> None:
    code = (
        "import json, pathlib\r\nfiles = [p for p in pathlib.Path().rglob('*') if p.is_file()]\n"
        "print(json.dumps({str(p): p.read_bytes().decode() for p in files}))\n# ä\r\n"
    )
    assert lab.run(code).outcome == "ok"
    assert json.loads(lab.said()) == {**FROZEN, "train.py": code}


def test_the_draft_has_the_mode_of_the_base_commit(lab: Lab) -> None:
    lab.run("import os; print(oct(os.stat('train.py').st_mode & 0o777))", target_mode=0o755)
    assert lab.said() == "0o755\n"


def test_a_target_in_a_subfolder_that_the_snapshot_lacks_is_found(lab: Lab) -> None:
    spec = lab.spec("print('here')", target="new/place/train.py")
    run = lab.run("print('here')", target="new/place/train.py", argv=(*spec.argv[:-1], "new/place/train.py"))
    assert (run.outcome, lab.said()) == ("ok", "here\n")


@pytest.mark.parametrize("target", ["../evil.py", "/etc/evil.py", ""])
def test_a_target_outside_the_project_is_refused(lab: Lab, target: str) -> None:
    with pytest.raises(SandboxError, match="inside the project"):
        lab.run("", target=target)


def test_the_environment_is_the_declared_one_and_nothing_of_the_server(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    lab.run("import os, json; print(json.dumps(dict(os.environ)))", env={"OMP_NUM_THREADS": "8", "LANG": "de_DE"})
    seen = json.loads(lab.said())
    assert set(seen) - {"PWD"} == {
        "PATH", "USER", "LOGNAME", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "PYTHONHASHSEED",
        "REFEREE_METRICS", "REFEREE_RESULTS", "OMP_NUM_THREADS",
    }  # fmt: skip
    assert (seen["LANG"], seen["TZ"], seen["OMP_NUM_THREADS"]) == ("C.UTF-8", "UTC", "8")


def test_no_descriptor_but_the_standard_three_is_open(lab: Lab) -> None:
    lab.run("import os; fd = os.open('.', 0); print(fd, os.read(0, 1))")
    assert lab.said() == "3 b''\n"


def test_scratch_folders_are_writable_and_nothing_is_carried_to_the_next_trial(lab: Lab) -> None:
    code = """
import os, pathlib, tempfile
names = [".", "lib", os.environ["HOME"], tempfile.gettempdir(), os.environ["REFEREE_RESULTS"]]
places = [pathlib.Path(p) for p in names]
print([(p / "mark").exists() for p in places])
for p in places:
    (p / "mark").write_text("x")
"""
    for _ in range(2):
        assert lab.run(code).outcome == "ok"
        assert lab.said() == "[False, False, False, False, False]\n"
    assert lab.leftovers() == []


ATTACKS = {
    "overwrite": "os.chmod('prepare.py', 0o666); open('prepare.py', 'w').write('LIMIT = 9')",
    "replace": "open('x', 'w').write('LIMIT = 9'); os.replace('x', 'prepare.py')",
    "remove": "os.remove('prepare.py')",
    "rename": "os.rename('prepare.py', 'other.py')",
    "link": "os.remove('prepare.py'); os.symlink('train.py', 'prepare.py')",
    "put back": (
        "os.rename('prepare.py', 'true'); open('prepare.py', 'w').write('LIMIT = 9'); "
        "os.remove('prepare.py'); os.rename('true', 'prepare.py')"
    ),
    "folder": "os.remove('prepare.py'); os.mkdir('prepare.py')",
    "closed": "os.remove('prepare.py'); os.mkdir('prepare.py'); os.chmod('prepare.py', 0)",
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.promise("one file")
def test_a_changed_frozen_file_is_a_crash_that_names_it(lab: Lab, attack: str) -> None:
    run = lab.run(f"import os\ntry:\n    {ATTACKS[attack]}\nexcept PermissionError:\n    os.remove('prepare.py')")
    assert (run.outcome, run.touched) == ("crash", ("prepare.py",))
    assert "frozen file 'prepare.py'" in run.reason
    assert lab.leftovers() == []


@pytest.mark.parametrize(
    "attack",
    [
        "shutil.rmtree('lib')",
        "shutil.rmtree('lib'); os.makedirs('lib/deep')",
        "shutil.rmtree('lib'); open('lib', 'w').close()",
        "shutil.move('lib', 'lib2')",
        "shutil.rmtree('lib'); os.symlink('data', 'lib')",
    ],
)
def test_a_frozen_folder_that_vanished_or_was_replaced_is_named(lab: Lab, attack: str) -> None:
    run = lab.run(f"import os, shutil\n{attack}")
    assert run.outcome == "crash"
    assert any(path.split("/")[0] == "lib" for path in run.touched)


def test_the_target_may_rewrite_itself_and_new_files_may_stand_beside_frozen_ones(lab: Lab) -> None:
    run = lab.run(
        "open('train.py', 'a').write('# more')\nopen('lib/deep/new.py', 'w').write('x')\nopen('data/out', 'w')"
    )
    assert (run.outcome, run.touched) == ("ok", ())


@pytest.mark.promise("one file")
def test_the_persons_checkout_and_the_snapshot_are_not_written(lab: Lab) -> None:
    lab.run("import os\nfor n in ('new', 'data/new'): open(n, 'w')\nos.remove('prepare.py')")
    assert list(lab.root.iterdir()) == []
    snapshot = Path(lab.spec("").snapshot)
    assert {str(p.relative_to(snapshot)): p.read_text() for p in snapshot.rglob("*") if p.is_file()} == FROZEN


def test_inputs_are_readable_at_their_own_path_and_read_only(lab: Lab, ground: Path) -> None:
    for folder in (ground / "inputs", lab.root / ".venv"):
        folder.mkdir()
        (folder / "data").write_text("payload")
        (folder / "data").chmod(0o666)
    code = f"""
import os
for path in ({str(ground / "inputs" / "data")!r}, {str(lab.root / ".venv" / "data")!r}, ".venv/data"):
    print(open(path).read())
    try:
        open(path, "a").write("more")
    except OSError:
        print("refused")
"""
    assert lab.run(code, inputs=(str(ground / "inputs"), str(lab.root / ".venv"))).outcome == "ok"
    confines = lab.key != "none"
    assert lab.said().count("payload") == 3
    assert (lab.said().count("refused") == 3) == confines
    assert ((lab.root / ".venv" / "data").read_text() == "payload") == confines
    assert [path.name for path in lab.root.iterdir()] == [".venv"]


@pytest.mark.promise("bounded trial")
def test_a_trial_that_sleeps_is_stopped_at_its_time_limit(lab: Lab) -> None:
    code = "import signal, time\nfor s in (15, 2, 1): signal.signal(s, signal.SIG_IGN)\nwhile True: time.sleep(60)"
    run = lab.run(code, limits=Limits(wall_seconds=0.5))
    assert (run.outcome, run.exit_code, run.signal) == ("timeout", None, "SIGKILL")
    assert run.reason.startswith("the trial was killed at its time limit of 0.5 s")
    assert run.seconds >= 0.5


@pytest.mark.parametrize("stream", [1, 2])
@pytest.mark.promise("bounded trial")
def test_a_flood_of_output_is_stopped_and_the_log_stays_small(lab: Lab, stream: int) -> None:
    limits = Limits(wall_seconds=60, output_bytes=1_000_000, log_bytes=10_000)
    run = lab.run(f"import os\nwhile True: os.write({stream}, b'x' * 65536)", limits=limits)
    assert run.outcome == "crash"
    assert "output_bytes is 1000000" in run.reason
    assert 1_000_000 < run.output_bytes < 3_000_000
    assert lab.log.stat().st_size < 10_100


def test_the_log_keeps_the_first_and_the_last_part(lab: Lab) -> None:
    limits = Limits(wall_seconds=60, log_bytes=100)
    lab.run("print('first'); print('x' * 5000); print('last')", limits=limits)
    said = lab.said()
    assert said.startswith("first\n")
    assert said.endswith("last\n")
    assert "bytes left out here" in said


def test_useful_work_runs(lab: Lab) -> None:
    """Processes, threads, temporary files and databases, as evaluators use them."""
    code = """
import asyncio, os, sqlite3, subprocess, sys, tempfile, threading
from concurrent.futures import ThreadPoolExecutor

with tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
print(subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout.strip())
with sqlite3.connect("results.db") as db:
    db.execute("create table t (x)")
    db.execute("insert into t values (1)")
print(db.execute("select count(*) from t").fetchone()[0])
with ThreadPoolExecutor() as pool:
    print(sum(pool.map(abs, range(-3, 0))))
print(asyncio.run(asyncio.sleep(0, "slept")))
from lib.deep import helper
print(helper.f())
"""
    assert lab.run(code).outcome == "ok", lab.said()
    assert lab.said().split() == ["42", "1", "6", "slept", "7"]


def test_multiprocessing_runs(lab: Lab) -> None:
    if lab.key == "landlock-copy":
        pytest.skip("there is no private shared memory without mounts; said in the capabilities")
    code = """
import multiprocessing
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        print(pool.map(abs, [-1, 2]))
"""
    assert lab.run(code).outcome == "ok", lab.said()
    assert lab.said() == "[1, 2]\n"


def test_the_result_files_are_read_after_the_end(lab: Lab) -> None:
    code = "import json, os; json.dump({'score': 3.25}, open(os.environ['REFEREE_METRICS'], 'w'))"
    assert dict(lab.run(code, metrics=("score",)).metrics) == {"score": 3.25}


@pytest.mark.parametrize(
    "leave",
    [
        "os.symlink('/etc/hostname', path)",
        "os.mkfifo(path)",
        "os.mkdir(path)",
        "open(path + '2', 'w').write('{}'); os.link(path + '2', path)",
        "open(path, 'wb').truncate(1 << 33)",
    ],
)
def test_a_result_file_that_is_no_plain_file_is_refused(lab: Lab, leave: str) -> None:
    run = lab.run(f"import os; path = os.environ['REFEREE_METRICS']; {leave}", metrics=("score",))
    assert run.outcome == "crash"
    assert "metrics.json" in run.reason


def test_what_the_supervisor_measures_can_be_asked_for_and_not_forged(lab: Lab) -> None:
    run = lab.run("print('wall_seconds: 0.000001')", metrics=("wall_seconds", "cpu_seconds", "peak_memory_gb"))
    assert run.metrics["wall_seconds"] == run.seconds > 0.001
    assert run.metrics["cpu_seconds"] == run.cpu_seconds > 0
    assert run.metrics["peak_memory_gb"] == run.peak_memory_bytes / 1e9 > 0


def test_time_of_children_is_counted(lab: Lab) -> None:
    work = "import time\nwhile time.process_time() < 0.3: pass"
    run = lab.run(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {work!r}])")
    assert run.cpu_seconds >= 0.3


def test_everything_a_trial_leaves_is_removed(lab: Lab) -> None:
    """Closed folders, a tree deeper than a path may be long, and names that are no text."""
    code = """
import os
os.makedirs("closed/inner"); open("closed/inner/file", "w"); os.chmod("closed/inner", 0); os.chmod("closed", 0)
os.chdir(os.environ["TMPDIR"])
open(b"\\xff\\n", "w")
for _ in range(1500):
    os.mkdir("d" * 10); os.chdir("d" * 10)
"""
    assert lab.run(code).outcome == "ok", lab.said()
    assert lab.leftovers() == []
