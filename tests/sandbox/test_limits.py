"""A trial that goes beyond a limit ends as a crash that names it; one that stays below it is left alone."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from referee.sandbox import reasons
from referee.sandbox.gauge import BY_GROUP
from referee.sandbox.spec import Limits, Measurement

from .conftest import Lab

MB = 1_000_000
_PRIVATE_SHARED_MEMORY = ("bubblewrap", "bubblewrap-in-container", "landlock")
_FACTORS = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}

# Whoever waits is killed at a limit; without one the trial ends at its deadline, and the test fails by its outcome.
_PRELUDE = """
import mmap, os, pathlib, signal, sys, tempfile, threading, time
MB = 1_000_000

def wait():
    while True:
        signal.pause()

def looks():
    time.sleep(0.4)  # for a few looks of the gauge; without any the test is no worse than none

def children(count, work):
    return [pid for pid in (os.fork() or (work(), os._exit(0)) for _ in range(count))]

def fill(descriptor, size):
    while size > 0:
        size -= os.write(descriptor, b"x" * min(size, MB))

def create(path, also=0):
    return os.open(path, os.O_CREAT | os.O_RDWR | also)

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
"""


def _run(lab: Lab, code: str, **bounds: Any) -> Measurement:
    return lab.run(_PRELUDE + code, limits=Limits(wall_seconds=30, **bounds))


def _exceeded(lab: Lab, run: Measurement, key: str, allowed: float, *, killed: bool = True) -> None:
    """The outcome names the key and both values, of which what was seen is the larger."""
    end = "; it was killed" if killed else ""
    pattern = rf"the trial used more [a-z ]+ than allowed: (.+) seen, {key} is (.+){end}\. "
    found = re.match(pattern + rf"To allow more, raise sandbox\.{key} in program\.md\.", run.reason)
    assert (run.outcome, run.limit, bool(found)) == ("crash", key, True), (run, lab.said())
    assert found
    assert _number(found[2]) == allowed
    assert _number(found[1]) > allowed or found[1] == f"{found[2]} {BY_GROUP}"
    assert (run.exit_code, run.signal) == ((None, "SIGKILL") if killed else (0, None))
    assert lab.leftovers() == []


def _number(text: str) -> float:
    value, unit = [*text.removeprefix("up to ").split(), ""][:2]
    return float(value) * _FACTORS.get(unit, 1)


MEMORY = {
    "one process": "hog = bytearray(400 * MB)",
    "many children": "children(8, lambda: (bytearray(50 * MB), wait()))",
    "a memfd that is not mapped": "fill(os.memfd_create('x'), 400 * MB)",
    "a shared mapping": "hog = mmap.mmap(-1, 400 * MB)\nfor at in range(0, 400 * MB, 4096): hog[at] = 1",
    "half in a process, half in a memfd": "hog = bytearray(150 * MB)\nfill(os.memfd_create('x'), 150 * MB)",
}


@pytest.mark.parametrize("hog", MEMORY.values(), ids=MEMORY)
def test_too_much_memory_is_a_crash_that_names_it(lab: Lab, hog: str) -> None:
    run = _run(lab, f"{hog}\nwait()", memory=200 * MB)
    _exceeded(lab, run, "memory", 200 * MB)


def test_a_file_in_the_trials_own_shared_memory_counts_as_memory(lab: Lab) -> None:
    if lab.key not in _PRIVATE_SHARED_MEMORY:
        pytest.skip("shared memory is not the trial's own here")
    code = "file = open('/dev/shm/x', 'wb')\nfill(file.fileno(), 300 * MB)\nwait()"
    _exceeded(lab, _run(lab, code, memory=200 * MB), "memory", 200 * MB)


def test_a_memfd_that_is_only_mapped_and_never_touched_counts(lab: Lab) -> None:
    if os.geteuid() != 0:
        pytest.skip("only the machine's root may ask for the size of what is mapped; said in held.py")
    code = "memory = os.memfd_create('x')\nfill(memory, 300 * MB)\nmap = mmap.mmap(memory, 300 * MB)\nos.close(memory)"
    _exceeded(lab, _run(lab, f"{code}\nwait()", memory=200 * MB), "memory", 200 * MB)


def test_memory_below_the_limit_is_left_alone(lab: Lab) -> None:
    run = _run(lab, "hog = bytearray(120 * MB)\nlooks()", memory=200 * MB)
    assert (run.outcome, run.limit) == ("ok", ""), run
    assert 120 * MB < run.peak_memory_bytes < 200 * MB


def test_what_forked_workers_share_counts_once(lab: Lab) -> None:
    """Resident sizes add up to more than 900 MB here."""
    run = _run(lab, "hog = bytearray(100 * MB)\nchildren(8, looks)\nlooks()", memory=250 * MB)
    assert (run.outcome, run.limit) == ("ok", ""), run


def test_a_large_file_that_is_mapped_does_not_count_as_memory(lab: Lab) -> None:
    code = """
file = tempfile.TemporaryFile()
fill(file.fileno(), 300 * MB)
data = mmap.mmap(file.fileno(), 300 * MB, prot=mmap.PROT_READ)
print(sum(data[at] for at in range(0, 300 * MB, 4096)))
looks()
"""
    run = _run(lab, code, memory=200 * MB)
    assert (run.outcome, run.limit) == ("ok", ""), run


def test_too_many_processes_are_a_crash_that_names_it(lab: Lab) -> None:
    run = _run(lab, "children(60, wait)\nwait()", processes=40)
    _exceeded(lab, run, "processes", 40)


def test_a_family_that_keeps_forking_is_stopped(lab: Lab) -> None:
    code = """
def bomb(generations):
    for _ in range(2):
        if generations and os.fork() == 0:
            bomb(generations - 1)
    wait()
bomb(6)
"""
    _exceeded(lab, _run(lab, code, processes=40), "processes", 40)


def test_threads_count_like_processes(lab: Lab) -> None:
    code = "for _ in range(60): threading.Thread(target=wait_long, daemon=True).start()\nwait()"
    code = f"wait_long = threading.Event().wait\n{code}"
    _exceeded(lab, _run(lab, code, processes=40), "processes", 40)


def test_as_many_processes_as_are_allowed_may_run(lab: Lab) -> None:
    run = _run(lab, "children(39, looks)\nlooks()", processes=40)
    assert (run.outcome, run.limit) == ("ok", ""), run


def test_orphans_that_ended_do_not_count(lab: Lab) -> None:
    code = """
for _ in range(3):
    for child in children(4, lambda: children(5, lambda: None)):
        os.waitpid(child, 0)
    looks()
"""
    run = _run(lab, code, processes=40)
    assert (run.outcome, run.limit) == ("ok", ""), run


def test_too_many_open_files_are_a_crash_that_names_it(lab: Lab) -> None:
    run = _run(lab, "files = [open(os.devnull) for _ in range(280)]\nwait()", open_files=256)
    _exceeded(lab, run, "open_files", 256)


def test_open_files_are_counted_for_each_process_apart(lab: Lab) -> None:
    code = "files = [open(os.devnull) for _ in range(200)]\nchildren(4, looks)\nlooks()"
    run = _run(lab, code, open_files=256)
    assert (run.outcome, run.limit) == ("ok", ""), run


def test_a_refused_file_is_explained(lab: Lab) -> None:
    """The kernel's own bound may come before any look."""
    run = _run(lab, "files = [open(os.devnull) for _ in range(1000)]", open_files=256)
    assert run.outcome == "crash"
    assert "sandbox.open_files in program.md" in run.reason


DISK = {
    "the project": "fill(create('x'), 60 * MB)",
    "a subfolder of the project": "fill(create('lib/x'), 60 * MB)",
    "the home": "fill(create(os.environ['HOME'] + '/x'), 60 * MB)",
    "temporary files": "fill(tempfile.mkstemp()[0], 60 * MB)",
    "results": "fill(create(os.environ['REFEREE_RESULTS'] + '/x'), 60 * MB)",
    "many files": "for n in range(60): fill(create(str(n)), MB)",
    "an unlinked file that is open": "fill(create('x'), 60 * MB)\nos.unlink('x')",
    "a file that never had a name": "fill(os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_WRONLY), 60 * MB)",
    "half with a name": "for n in 'xy': fill(create(n), 20 * MB)\nos.unlink('x')",
    "reserved": "os.posix_fallocate(create('x'), 0, 60 * MB)",
    "a closed folder": "os.mkdir('d')\nfill(create('d/x'), 60 * MB)\nos.chmod('d', 0)",
    "a deep folder": "for _ in range(700): os.mkdir('d'); os.chdir('d')\nfill(create('x'), 60 * MB)",
}


@pytest.mark.parametrize("hog", DISK.values(), ids=DISK)
def test_too_much_disk_is_a_crash_that_names_it(lab: Lab, hog: str) -> None:
    run = _run(lab, f"{hog}\nwait()", disk_bytes=30 * MB)
    _exceeded(lab, run, "disk", 30 * MB)


def test_an_unlinked_file_that_is_only_mapped_counts(lab: Lab) -> None:
    code = """
file = os.open('x', os.O_CREAT | os.O_RDWR)
fill(file, 60 * MB)
map = mmap.mmap(file, 60 * MB)
os.close(file)
os.unlink('x')
wait()
"""
    _exceeded(lab, _run(lab, code, disk_bytes=30 * MB), "disk", 30 * MB)


def test_what_a_quick_trial_leaves_on_disk_is_found_at_the_end(lab: Lab) -> None:
    """It is over before the first look."""
    run = _run(lab, "os.posix_fallocate(create('x'), 0, 60 * MB)\nos._exit(0)", disk_bytes=30 * MB)
    _exceeded(lab, run, "disk", 30 * MB, killed=run.exit_code is None)


@pytest.mark.parametrize(
    "work",
    [
        "os.truncate(create('x'), 10_000 * MB)",
        "for n in range(6):\n    fill(create('x'), 20 * MB)\n    os.truncate('x', 0)",
        "for n in range(3):\n    fill(create('x', os.O_TRUNC), 15 * MB)\n    looks()",
        "fill(create('x'), 20 * MB)\nfor n in range(6): os.link('x', str(n))",
        "fill(tempfile.mkstemp()[0], 20 * MB)",
    ],
    ids=["sparse", "emptied", "written again", "one file with many names", "less"],
)
def test_what_takes_no_room_on_disk_is_left_alone(lab: Lab, work: str) -> None:
    run = _run(lab, f"{work}\nlooks()", disk_bytes=30 * MB)
    assert (run.outcome, run.limit) == ("ok", ""), (run, lab.said())


def test_too_many_files_are_a_crash_that_names_it(lab: Lab) -> None:
    code = """
for folder in range(20):
    os.mkdir(str(folder))
    for name in range(20):
        open(f"{folder}/{name}", "w")
wait()
"""
    _exceeded(lab, _run(lab, code, files=300), "files", 300)


def test_frozen_files_do_not_count(lab: Lab) -> None:
    run = _run(lab, "for name in range(16): open(f'x{name}', 'w')\nlooks()", files=16, disk_bytes=MB)
    assert (run.outcome, run.limit) == ("ok", ""), run


def test_too_much_processor_time_is_a_crash_that_names_it(lab: Lab) -> None:
    run = _run(lab, "burn(20)\nwait()", cpu_seconds=0.5)
    _exceeded(lab, run, "cpu", 0.5)
    assert run.cpu_seconds > 0.5


CPU = {
    "side by side": "children(6, lambda: (burn(0.3), wait()))",
    "one after the other": "for _ in range(6): os.waitpid(children(1, lambda: burn(0.3))[0], 0)",
    "ignored by their parent": "signal.signal(17, signal.SIG_IGN)\nfor _ in range(60): children(1, lambda: burn(0.3))",
    "orphans": "for _ in range(6): os.waitpid(children(1, lambda: children(1, lambda: burn(0.3)))[0], 0)",
}


@pytest.mark.parametrize("work", CPU.values(), ids=CPU)
def test_processor_time_of_children_adds_up(lab: Lab, work: str) -> None:
    run = _run(lab, f"{work}\nwait()", cpu_seconds=0.8)
    _exceeded(lab, run, "cpu", 0.8)


def test_processor_time_that_was_used_before_the_first_look_is_found_at_the_end(lab: Lab) -> None:
    run = lab.run("", argv=("/usr/bin/true",), limits=Limits(wall_seconds=30, cpu_seconds=1e-6))
    _exceeded(lab, run, "cpu", 1e-6, killed=run.exit_code is None)


def test_processor_time_below_the_limit_is_left_alone(lab: Lab) -> None:
    run = _run(lab, "burn(0.3)\nlooks()", cpu_seconds=20.0)
    assert (run.outcome, run.limit) == ("ok", ""), run


def test_a_signal_of_the_kernel_at_the_largest_file_names_the_disk(lab: Lab) -> None:
    code = "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nos.truncate(create('x'), 400 * MB)"
    run = _run(lab, code, disk_bytes=30 * MB, memory=100 * MB)
    assert (run.outcome, run.limit, run.signal) == ("crash", "disk", "SIGXFSZ"), run
    assert "a larger file seen, disk is 30.0 MB" in run.reason


def test_no_bound_of_the_kernel_holds_referee_itself(lab: Lab) -> None:
    """The project is copied, the log written and the answer sent by a process that no limit of the trial binds."""
    run = _run(lab, "print('x' * 3 * MB)\nprint('score: 1')", disk_bytes=MB, memory=100 * MB, open_files=16)
    assert run.outcome == "ok", run
    assert lab.log.stat().st_size > 1_000_000


@pytest.mark.parametrize(
    ("said", "key", "value"),
    [
        ("OSError: [Errno 24] Too many open files: 'x'", "open_files", 16),
        ("BlockingIOError: [Errno 11] Resource temporarily unavailable", "processes", 40),
        ("RuntimeError: can't start new thread", "processes", 40),
        ("MemoryError", "memory", "80%"),
        ("OSError: [Errno 12] Cannot allocate memory", "memory", "80%"),
        ("OSError: [Errno 28] No space left on device", "disk", "20.00 GB"),
        ("OSError: [Errno 27] File too large", "disk", "20.00 GB"),
    ],
)
def test_a_complaint_at_the_end_of_the_output_names_the_likely_key(
    tmp_path: Path, said: str, key: str, value: str
) -> None:
    log = tmp_path / "log"
    log.write_text(f"Traceback\n{said}\n\n", encoding="utf-8")
    reason = reasons.failed(Limits(1.0, open_files=16, processes=40), 1, str(log))
    assert reason.startswith("the command ended with exit code 1; ")
    assert reason.endswith(f"sandbox.{key} in program.md is {value}")


@pytest.mark.parametrize("said", ["MemoryError\n" + "more\n" * 5, "torch.OutOfMemoryError: CUDA", ""])
def test_what_no_limit_of_ours_can_have_caused_is_not_explained(tmp_path: Path, said: str) -> None:
    log = tmp_path / "log"
    log.write_text(said, encoding="utf-8")
    assert reasons.failed(Limits(1.0), 2, str(log)) == "the command ended with exit code 2"
