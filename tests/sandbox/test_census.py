"""Who lives below a process and what they use is counted rightly, by a fresh process that counts its own family."""

import os

import pytest

from .own_family import told


@pytest.mark.parametrize("listed", [True, False], ids=["kernel lists children", "it does not"])
def test_children_of_children_orphans_and_threads_are_found(listed: bool) -> None:  # noqa: FBT001 - a parameter
    code = f"""
def family():
    child()                                     # a grandchild
    if os.fork() == 0:
        child()                                 # its parent ends: an orphan
        os._exit(0)
    os.wait()
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    made = []
    maker = threading.Thread(target=lambda: made.append(child()))
    maker.start()                               # a child of a thread that has ended
    maker.join()
first = child(family)
look = lambda: census.family(10_000, listed={listed})
until(lambda: sum(process.tasks for process in look()) == 5)     # the maker may still be ending
found = look()
tell(processes=len(found), tasks=sum(process.tasks for process in found), first=first in [p.pid for p in found])
"""
    assert told(code) == {"processes": 4, "tasks": 5, "first": True}


def test_the_walk_stops_soon_above_the_limit() -> None:
    found = told("for _ in range(12): child()\ntell(few=len(census.family(4)), all=len(census.family(12)))")
    assert found == {"few": 5, "all": 12}


def test_whoever_ends_while_being_read_is_tolerated() -> None:
    code = """
def churn():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if os.fork() == 0:
        for _ in range(3000):
            if os.fork() == 0:
                os._exit(0)
child(churn)
counter, _ = counting()
looks = [counter.look().tasks for _ in range(300)]
tell(least=min(looks), most=max(looks))
"""
    assert told(code)["least"] >= 1


def test_processor_time_of_the_living_the_dead_and_the_collected_adds_up() -> None:
    code = """
def burn():
    end = time.process_time() + 0.2
    while time.process_time() < end: pass
counter, _ = counting()
def all_of_it():
    burn()                                      # living
    if os.fork() == 0:
        burn()
        os._exit(0)
    os.wait()                                   # collected by its parent
child(all_of_it)
if os.fork() == 0:
    burn()
    os._exit(0)
os.wait()                                       # collected by us
if os.fork() == 0:
    burn()
    os._exit(0)                                 # ended, not collected
until(lambda: counter.look().cpu_seconds >= 0.75)
tell(cpu=counter.look().cpu_seconds)
"""
    assert 0.75 <= told(code)["cpu"] < 2


def test_processor_time_of_children_that_nobody_waits_for_is_kept_once_it_was_seen() -> None:
    code = """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
counter, _ = counting()
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        while True: pass
    until(lambda: (counter.look(), counter.processes[0].own_seconds)[1] >= 0.2)
    os.kill(pid, 9)
    until(lambda: not census.family(10))
tell(cpu=counter.look().cpu_seconds, accounts=census.collected_seconds())
"""
    found = told(code)
    assert found["cpu"] >= 0.4
    assert found["accounts"] < 0.1


def test_resident_memory_adds_up_and_what_is_shared_counts_once_when_looked_at_closely() -> None:
    code = """
data = bytearray(60 * MB)
children = [child(lambda: bytearray(10 * MB)) for _ in range(4)]
counter, shelf = counting()
usage = counter.look()
exact, sure = memory.exact([*children, os.getpid()], shelf.held, Sight())
tell(sum=usage.memory_bytes, bound=memory.bound(children, shelf.held), exact=exact, sure=sure)
"""
    found = told(code)
    assert found["sum"] >= found["bound"] >= 4 * 70_000_000
    assert found["sure"]
    assert 100_000_000 <= found["exact"] < 160_000_000


def test_memory_files_count_once_wherever_they_are_open() -> None:
    code = """
shared = os.memfd_create("shared")
os.write(shared, b"x" * (20 * MB))
lonely = lambda: os.write(os.memfd_create("lonely"), b"x" * (10 * MB))
for _ in range(3): child()
child(lonely)
counter, _ = counting()
usage = counter.look()
tell(files=sorted(usage.held.memory.values()), disk=len(usage.held.disk))
"""
    found = told(code)
    assert found["disk"] == 0
    small, large = found["files"]
    assert 10_000_000 <= small < 10_100_000
    assert 20_000_000 <= large < 20_100_000


def test_a_memory_file_that_is_only_mapped_is_weighed_by_what_is_mapped_in() -> None:
    code = """
def hide():
    file = os.memfd_create("x")
    os.truncate(file, 30 * MB)
    data = mmap.mmap(file, 30 * MB)
    for at in range(0, 30 * MB, 4096): data[at] = 1
    os.close(file)
    return data
pid = child(hide)
counter, shelf = counting()
counter.look()
exact, _ = memory.exact([pid], shelf.held, Sight())
# As it is where the sizes of mapped files may not be asked for.
unsized = held.Holdings(unsized=frozenset(shelf.held.memory) | shelf.held.unsized)
other, _ = memory.exact([pid], unsized, Sight())
tell(exact=exact, other=other)
"""
    found = told(code)
    assert 30_000_000 <= found["exact"] < 60_000_000
    assert 30_000_000 <= found["other"] < 60_000_000


def test_unlinked_files_count_once_and_those_with_a_name_do_not() -> None:
    code = """
folder = tempfile.mkdtemp()
def make(name, size):
    file = os.open(f"{folder}/{name}", os.O_CREAT | os.O_RDWR)
    os.write(file, b"x" * size)
    return file
def files():
    make("named", MB)
    make("linked", MB)
    os.link(f"{folder}/linked", f"{folder}/other")
    os.unlink(f"{folder}/linked")
    first = make("unlinked", 2 * MB)
    os.unlink(f"{folder}/unlinked")
    os.open(f"/proc/self/fd/{first}", os.O_RDONLY)
    mapped = make("mapped", 3 * MB)
    data = mmap.mmap(mapped, 3 * MB)
    os.close(mapped)
    os.unlink(f"{folder}/mapped")
    child()
    return data
child(files)
counter, _ = counting()
usage = counter.look()
for name in os.listdir(folder): os.unlink(f"{folder}/{name}")
os.rmdir(folder)
tell(files=sorted(usage.held.disk.values()))
"""
    small, large = told(code)["files"]
    assert 2_000_000 <= small < 2_100_000
    assert 3_000_000 <= large < 3_100_000


def test_a_file_that_takes_less_than_a_tick_of_processor_time_to_make_is_found_at_the_next_look() -> None:
    code = """
folder = tempfile.mkdtemp()
asked, ask = os.pipe()
answer, answered = os.pipe()
def make():
    if os.fork() == 0:
        while os.read(asked, 1):                # asleep until it is asked, however long it has lived
            file = os.open(f"{folder}/unnamed", os.O_CREAT | os.O_RDWR)
            os.unlink(f"{folder}/unnamed")
            os.posix_fallocate(file, 0, 20 * MB)
            os.write(answered, b"x")
child(make)
counter, _ = counting()
seen = []
for _ in range(20):
    counter.look()
    os.write(ask, b"x")
    os.read(answer, 1)
    seen.append(sum(counter.look().held.disk.values()))
os.rmdir(folder)
tell(seen=seen)
"""
    seen = told(code)["seen"]
    assert [round(size / 20_000_000) for size in seen] == list(range(1, 21))


@pytest.mark.parametrize("ended", [True, False], ids=["the first thread has ended", "a thread has a table of its own"])
def test_what_a_thread_holds_is_found(ended: bool) -> None:  # noqa: FBT001 - a parameter
    code = f"""
libc = ctypes.CDLL(None)
ready, told = os.pipe()
def hold():
    assert libc.syscall(436, 4000, 4001, 2) == 0    # close_range with CLOSE_RANGE_UNSHARE
    file = os.memfd_create("x")
    os.write(file, b"x" * 20 * MB)
    data = bytearray(b"x" * 50 * MB)
    os.write(told, b"x")
    wait()
if (pid := os.fork()) == 0:
    threading.Thread(target=hold).start()
    libc.pthread_exit(0) if {ended} else wait()
os.read(ready, 1)
if {ended}:
    until(lambda: census.read(pid).window != pid)
counter, shelf = counting()
usage = counter.look()
exact, sure = memory.exact([process.window for process in counter.processes], shelf.held, Sight())
held = sum(usage.held.memory.values())
tell(held=held, all=usage.memory_bytes, exact=exact, sure=sure, tasks=usage.tasks, unreadable=usage.unreadable)
"""
    found = told(code)
    assert (found["tasks"], found["sure"], found["unreadable"]) == (2, True, ended)
    assert 20_000_000 <= found["held"] < 20_100_000
    assert 70_000_000 <= found["exact"] <= found["all"] < 130_000_000


def test_the_largest_number_of_open_files_is_found() -> None:
    code = """
child(lambda: [os.open("/dev/null", 0) for _ in range(50)])
child(lambda: [os.open("/dev/null", 0) for _ in range(70)])
counter, _ = counting()
tell(files=counter.look().open_files)
"""
    assert 73 <= told(code)["files"] <= 80


_USER = 61234
_MAY_NOT_TRACE = ("setpriv", "--bounding-set=-sys_ptrace,-perfmon,-sys_admin")


def test_a_process_that_hides_what_it_holds_is_counted_as_unreadable() -> None:
    code = f"""
if os.geteuid() == 0:
    become({_USER})
    hide(False)                                 # a change of user has hidden us
pid = child(lambda: hide(True))
child()
counter, _ = counting()
looks = [counter.look().unreadable for _ in range(3)]
exact, sure = memory.exact([pid], held.Holdings(), Sight())
os.kill(pid, 9)
os.waitpid(pid, 0)
tell(looks=looks, after=counter.look().unreadable, exact=exact, sure=sure)
"""
    found = told(code)
    assert found["looks"] == [0, 1, 1]
    assert found["after"] == 0
    assert not found["sure"]
    assert found["exact"] > 1_000_000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become the trial's user")
def test_root_that_may_not_trace_sees_what_the_trials_user_holds() -> None:
    code = f"""
ready, told = os.pipe()
file = os.memfd_create("x")
os.write(file, b"x" * MB)
if os.fork() == 0:
    for kept in (file, told):
        os.set_inheritable(kept, True)
    become({_USER})
    os.execv("/bin/sh", ["sh", "-c", f"echo x >&{{told}}; exec sleep 100"])
os.close(told)
os.read(ready, 1)
def seen(sight):
    shelf = held.Shelf((), sight)
    counter = census.Census(10_000, shelf)
    counter.look()
    usage = counter.look()
    return [usage.unreadable, len(usage.held.memory)]
tell(without=seen(Sight()), as_owner=seen(Sight({_USER})), user=[os.geteuid(), os.getegid()])
"""
    found = told(code, *_MAY_NOT_TRACE)
    assert found == {"without": [1, 0], "as_owner": [0, 1], "user": [0, 0]}
