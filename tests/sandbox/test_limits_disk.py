"""A trial that fills more of the disk than it may ends as a crash that names the limit; a smaller one is left alone."""

import pytest

from .conftest import Lab
from .limited import MB, exceeded, run

# The filter may deny it to leave the table; then the file is in the one that all share.
THREAD = """
import ctypes
libc = ctypes.CDLL(None)
def hold():
    libc.syscall(436, 4000, 4001, 2)  # close_range with CLOSE_RANGE_UNSHARE
    fill(os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_WRONLY), 60 * MB)
    wait()
threading.Thread(target=hold).start()
"""
TURNS = """
import ctypes
libc = ctypes.CDLL(None)
def turn():
    time.sleep(0.001)
    threading.Thread(target=turn).start()
fill(os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_WRONLY), 60 * MB)
turn()
"""
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
    "behind a first thread that has ended": f"{THREAD}libc.pthread_exit(0)",
    "behind threads that take turns": f"{TURNS}libc.pthread_exit(0)",
    "a thread that left the others' table": f"{THREAD}signal.pause()",
    "a deep folder": "for _ in range(700): os.mkdir('d'); os.chdir('d')\nfill(create('x'), 60 * MB)",
}


@pytest.mark.parametrize("hog", DISK.values(), ids=DISK)
def test_too_much_disk_is_a_crash_that_names_it(lab: Lab, hog: str) -> None:
    done = run(lab, f"{hog}\nwait()", disk_bytes=30 * MB)
    exceeded(lab, done, "disk", 30 * MB)


def test_an_unlinked_file_that_is_only_mapped_counts(lab: Lab) -> None:
    code = """
file = os.open('x', os.O_CREAT | os.O_RDWR)
fill(file, 60 * MB)
map = mmap.mmap(file, 60 * MB)
os.close(file)
os.unlink('x')
wait()
"""
    exceeded(lab, run(lab, code, disk_bytes=30 * MB), "disk", 30 * MB)


def test_what_a_quick_trial_leaves_on_disk_is_found_at_the_end(lab: Lab) -> None:
    """It is over before the first look."""
    done = run(lab, "os.posix_fallocate(create('x'), 0, 60 * MB)\nos._exit(0)", disk_bytes=30 * MB)
    exceeded(lab, done, "disk", 30 * MB, killed=done.exit_code is None)


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
    done = run(lab, f"{work}\nlooks()", disk_bytes=30 * MB)
    assert (done.outcome, done.limit) == ("ok", ""), (done, lab.said())


def test_too_many_files_are_a_crash_that_names_it(lab: Lab) -> None:
    code = """
for folder in range(20):
    os.mkdir(str(folder))
    for name in range(20):
        open(f"{folder}/{name}", "w")
wait()
"""
    exceeded(lab, run(lab, code, files=300), "files", 300)


def test_frozen_files_do_not_count(lab: Lab) -> None:
    done = run(lab, "for name in range(16): open(f'x{name}', 'w')\nlooks()", files=16, disk_bytes=MB)
    assert (done.outcome, done.limit) == ("ok", ""), done


def test_a_signal_of_the_kernel_at_the_largest_file_names_the_disk(lab: Lab) -> None:
    code = "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nos.truncate(create('x'), 400 * MB)"
    done = run(lab, code, disk_bytes=30 * MB, memory=100 * MB)
    assert (done.outcome, done.limit, done.signal) == ("crash", "disk", "SIGXFSZ"), done
    assert "a larger file seen, disk is 30.0 MB" in done.reason
