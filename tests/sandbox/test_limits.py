"""A trial that uses more memory, processes or files at a time than it may ends as a crash that names the limit."""

import os

import pytest

from .conftest import Lab
from .limited import MB, exceeded, run

_PRIVATE_SHARED_MEMORY = ("bubblewrap", "bubblewrap-in-container", "landlock")

MEMORY = {
    "one process": "hog = bytearray(400 * MB)",
    "many children": "children(8, lambda: (bytearray(50 * MB), wait()))",
    "a memfd that is not mapped": "fill(os.memfd_create('x'), 400 * MB)",
    "a shared mapping": "hog = mmap.mmap(-1, 400 * MB)\nfor at in range(0, 400 * MB, 4096): hog[at] = 1",
    "half in a process, half in a memfd": "hog = bytearray(150 * MB)\nfill(os.memfd_create('x'), 150 * MB)",
}


@pytest.mark.parametrize("hog", MEMORY.values(), ids=MEMORY)
def test_too_much_memory_is_a_crash_that_names_it(lab: Lab, hog: str) -> None:
    done = run(lab, f"{hog}\nwait()", memory=200 * MB)
    exceeded(lab, done, "memory", 200 * MB)


def test_a_file_in_the_trials_own_shared_memory_counts_as_memory(lab: Lab) -> None:
    if lab.key not in _PRIVATE_SHARED_MEMORY:
        pytest.skip("shared memory is not the trial's own here")
    code = "file = open('/dev/shm/x', 'wb')\nfill(file.fileno(), 300 * MB)\nwait()"
    exceeded(lab, run(lab, code, memory=200 * MB), "memory", 200 * MB)


def test_a_memfd_that_is_only_mapped_and_never_touched_counts(lab: Lab) -> None:
    if os.geteuid() != 0:
        pytest.skip("only the machine's root may ask for the size of what is mapped; said in held.py")
    code = "memory = os.memfd_create('x')\nfill(memory, 300 * MB)\nmap = mmap.mmap(memory, 300 * MB)\nos.close(memory)"
    exceeded(lab, run(lab, f"{code}\nwait()", memory=200 * MB), "memory", 200 * MB)


def test_memory_below_the_limit_is_left_alone(lab: Lab) -> None:
    done = run(lab, "hog = bytearray(120 * MB)\nlooks()", memory=200 * MB)
    assert (done.outcome, done.limit) == ("ok", ""), done
    assert 120 * MB < done.peak_memory_bytes < 200 * MB


def test_what_forked_workers_share_counts_once(lab: Lab) -> None:
    """Resident sizes add up to more than 900 MB here."""
    done = run(lab, "hog = bytearray(100 * MB)\nchildren(8, looks)\nlooks()", memory=250 * MB)
    assert (done.outcome, done.limit) == ("ok", ""), done


def test_a_large_file_that_is_mapped_does_not_count_as_memory(lab: Lab) -> None:
    code = """
file = tempfile.TemporaryFile()
fill(file.fileno(), 300 * MB)
data = mmap.mmap(file.fileno(), 300 * MB, prot=mmap.PROT_READ)
print(sum(data[at] for at in range(0, 300 * MB, 4096)))
looks()
"""
    done = run(lab, code, memory=200 * MB)
    assert (done.outcome, done.limit) == ("ok", ""), done


def test_too_many_processes_are_a_crash_that_names_it(lab: Lab) -> None:
    done = run(lab, "children(60, wait)\nwait()", processes=40)
    exceeded(lab, done, "processes", 40)


def test_a_family_that_keeps_forking_is_stopped(lab: Lab) -> None:
    code = """
def bomb(generations):
    for _ in range(2):
        if generations and os.fork() == 0:
            bomb(generations - 1)
    wait()
bomb(6)
"""
    exceeded(lab, run(lab, code, processes=40), "processes", 40)


def test_threads_count_like_processes(lab: Lab) -> None:
    code = "for _ in range(60): threading.Thread(target=wait_long, daemon=True).start()\nwait()"
    code = f"wait_long = threading.Event().wait\n{code}"
    exceeded(lab, run(lab, code, processes=40), "processes", 40)


def test_as_many_processes_as_are_allowed_mayrun(lab: Lab) -> None:
    done = run(lab, "children(39, looks)\nlooks()", processes=40)
    assert (done.outcome, done.limit) == ("ok", ""), done


def test_orphans_that_ended_do_not_count(lab: Lab) -> None:
    code = """
for _ in range(3):
    for child in children(4, lambda: children(5, lambda: None)):
        os.waitpid(child, 0)
    looks()
"""
    done = run(lab, code, processes=40)
    assert (done.outcome, done.limit) == ("ok", ""), done


def test_too_many_open_files_are_a_crash_that_names_it(lab: Lab) -> None:
    done = run(lab, "files = [open(os.devnull) for _ in range(280)]\nwait()", open_files=256)
    exceeded(lab, done, "open_files", 256)


def test_open_files_are_counted_for_each_process_apart(lab: Lab) -> None:
    code = "files = [open(os.devnull) for _ in range(200)]\nchildren(4, looks)\nlooks()"
    done = run(lab, code, open_files=256)
    assert (done.outcome, done.limit) == ("ok", ""), done


def test_a_refused_file_is_explained(lab: Lab) -> None:
    """The kernel's own bound may come before any look."""
    done = run(lab, "files = [open(os.devnull) for _ in range(1000)]", open_files=256)
    assert done.outcome == "crash"
    assert "sandbox.open_files in program.md" in done.reason


def test_no_bound_of_the_kernel_holds_referee_itself(lab: Lab) -> None:
    """The project is copied, the log written and the answer sent by a process that no limit of the trial binds."""
    done = run(lab, "print('x' * 3 * MB)\nprint('score: 1')", disk_bytes=MB, memory=100 * MB, open_files=16)
    assert done.outcome == "ok", done
    assert lab.log.stat().st_size > 1_000_000
