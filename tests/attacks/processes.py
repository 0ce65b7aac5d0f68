"""Descriptors, /proc, and processes outside of the trial: the witness, the runner, a trial at the same time."""

import os
from pathlib import Path

from tests.attacks.arena import Arena, Attack
from tests.attacks.proofs import CALLS

_SERVER = (
    CALLS
    + """
PID = A["pid"]

def read(path, offset=0, size=65536):
    descriptor = os.open(path, os.O_RDONLY)
    print(os.pread(descriptor, size, offset))

def every_process():
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
"""
)

_NO_HOOK = "no Landlock right covers the scheduling of the user's other processes; no capability claims it"


def _signalled(arena: Arena) -> bool:
    return arena.signals() > 0


def _differs(name: str, arena: Arena) -> bool:
    """Whether a state of the witness is no longer what it was."""
    return bool(arena.server.seen()[name] != arena.server.before[name])


def _read_or_rewrote(arena: Arena) -> bool:
    return arena.leaked() or arena.server.seen()["token"] != arena.token


def _unjudged(arena: Arena) -> bool:
    """Whether the trial took its own judge away."""
    return bool(arena.fault)


def _not_ended_with(code: int, arena: Arena) -> bool:
    return arena.run is None or arena.run.exit_code != code


def _inherited(arena: Arena) -> bool:
    return "inherited=" in arena.lab.said()


def _log_was_changed(arena: Arena) -> bool:
    return f"kept {arena.mark}\n" not in arena.lab.said()


def _scheduled_as_batch(arena: Arena) -> bool:
    return os.sched_getscheduler(arena.server.address["pid"]) == os.SCHED_BATCH


def _is_preferred_victim(arena: Arena) -> bool:
    return Path(f"/proc/{arena.server.address['pid']}/oom_score_adj").read_text(encoding="ascii") == "500\n"


_PTRACE = """
ATTACH, PEEK, DETACH, ALL = 16, 2, 17, 0x40000000

def trace(pid, address=0, size=0):
    call(PTRACE, ATTACH, pid, 0, 0)
    try:
        os.waitpid(pid, ALL)
        word, data = ctypes.c_long(), b""
        for place in range(address, address + size, 8):
            call(PTRACE, PEEK, pid, place, ctypes.byref(word))
            data += bytes(word)
        print("attached", data)
    finally:
        call(PTRACE, DETACH, pid, 0, 0)
"""

_DESCRIPTORS = (
    Attack(
        "proc_self_fd",
        """
for number in range(3, 256):
    try:
        os.fstat(number)
    except OSError:
        continue
    print(f"inherited={number}", os.readlink(f"/proc/self/fd/{number}"))
    attempt(os.write, number, A["mark"].encode())
""",
        _inherited,
    ),
    Attack(
        "stdio_reopen",
        """
print("kept", A["mark"], flush=True)
for number in range(3):
    for flags in (os.O_RDWR | os.O_TRUNC, os.O_WRONLY | os.O_TRUNC, os.O_RDONLY | os.O_NONBLOCK):
        descriptor = attempt(os.open, f"/proc/self/fd/{number}", flags | os.O_NONBLOCK)
        if descriptor is not None:
            attempt(os.ftruncate, descriptor, 0)
            attempt(os.pwrite, descriptor, b"forged", 0)
""",
        _log_was_changed,
    ),
    Attack(
        "pid1_descriptors",
        """
for number in attempt(os.listdir, "/proc/1/fd") or ():
    descriptor = attempt(os.open, f"/proc/1/fd/{number}", os.O_WRONLY | os.O_NONBLOCK)
    if descriptor is not None:
        attempt(os.write, descriptor, b'{ "exit-code": 0 }\\n')
os._exit(3)
""",
        lambda arena: _not_ended_with(3, arena),
        unsafe_in=frozenset({"none-root"}),
    ),
    Attack(
        "forge_exit_status",
        """
print("score: 999", flush=True)
parent = os.getppid()
for number in range(3, 256):
    attempt(os.write, number, b'{ "exit-code": 0 }\\n')
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
    os._exit(0)
os.wait()
os._exit(3)
""",
        lambda arena: _not_ended_with(3, arena) or arena.forged(),
    ),
)

_MEMORY = (
    Attack(
        "proc_1_root",
        _SERVER + "for pid in (1, os.getppid(), PID): attempt(read, f'/proc/{pid}/root' + A['secret'])",
        Arena.leaked,
    ),
    Attack(
        "proc_root_write",
        _SERVER + "attempt(lambda: open(f'/proc/{PID}/root' + A['outside'] + '/written', 'w').close())",
        lambda arena: (arena.outside / "written").exists(),
    ),
    Attack(
        "proc_mem_server",
        _SERVER
        + """
address, size = A["memory"]
attempt(read, f"/proc/{PID}/mem", address, size)
descriptor = attempt(os.open, f"/proc/{PID}/mem", os.O_WRONLY)
if descriptor is not None:
    attempt(os.pwrite, descriptor, b"X", address)
""",
        _read_or_rewrote,
    ),
    Attack("ptrace_server", _SERVER + _PTRACE + "attempt(trace, PID, *A['memory'])", Arena.leaked),
    Attack(
        "process_vm_readv",
        _SERVER
        + """
address, size = A["memory"]
buffer = ctypes.create_string_buffer(size)
mine = ctypes.create_string_buffer(struct.pack("PN", ctypes.addressof(buffer), size))
theirs = ctypes.create_string_buffer(struct.pack("PN", address, size))
attempt(call, VM_READ, PID, mine, 1, theirs, 1, 0)
print(buffer.value)
""",
        Arena.leaked,
    ),
    Attack(
        "pidfd_getfd_server",
        _SERVER
        + """
process = attempt(os.pidfd_open, PID)
descriptor = attempt(call, 438, process if process is not None else -1, A["held"], 0)
if descriptor is not None:
    print(os.pread(descriptor, 100, 0))
""",
        Arena.leaked,
    ),
    Attack("proc_cwd_server", _SERVER + "attempt(read, f'/proc/{PID}/cwd/secret')", Arena.leaked),
    Attack("proc_fd_server", _SERVER + "attempt(read, f'/proc/{PID}/fd/{A[\"held\"]}')", Arena.leaked),
    Attack(
        "ptrace_pid1",
        _SERVER + _PTRACE + "attempt(trace, 1)",
        lambda arena: "attached" in arena.lab.said(),
        unsafe_in=frozenset({"none-root"}),
    ),
)

_SIGNALS = (
    Attack(
        "signal_server",
        _SERVER
        + """
import signal
attempt(os.kill, PID, signal.SIGUSR1)
attempt(os.killpg, PID, signal.SIGUSR2)
attempt(lambda: signal.pidfd_send_signal(os.pidfd_open(PID), signal.SIGTERM))
""",
        _signalled,
    ),
    Attack("signal_everyone", "import signal\nattempt(os.kill, -1, signal.SIGURG)", _signalled),
    Attack(
        "signal_through_pipe",
        """
import fcntl, signal
F_SETSIG, READ_END, WRITE_END = 10, *os.pipe()
attempt(fcntl.fcntl, READ_END, fcntl.F_SETOWN, A["pid"])
attempt(fcntl.fcntl, READ_END, F_SETSIG, signal.SIGUSR1)
fcntl.fcntl(READ_END, fcntl.F_SETFL, fcntl.fcntl(READ_END, fcntl.F_GETFL) | os.O_ASYNC)
os.write(WRITE_END, b"x")
""",
        _signalled,
    ),
    Attack("signal_parent_probe", "import signal\nattempt(os.kill, os.getppid(), signal.SIGKILL)", _unjudged),
    Attack(
        "kill_pid1",
        "import signal\nattempt(os.kill, 1, signal.SIGKILL)\nos._exit(7)",
        lambda arena: _not_ended_with(7, arena),
        unsafe_in=frozenset({"none-root"}),
    ),
)

_SCHEDULING = (
    Attack(
        "prlimit_server",
        "import resource\nattempt(resource.prlimit, A['pid'], resource.RLIMIT_CORE, (0, 4096))",
        lambda arena: _differs("rlimits", arena),
    ),
    Attack(
        "renice_server",
        "attempt(os.setpriority, os.PRIO_PROCESS, A['pid'], 5)",
        lambda arena: _differs("nice", arena),
        known=_NO_HOOK,
    ),
    Attack(
        "affinity_server",
        "attempt(os.sched_setaffinity, A['pid'], {min(os.sched_getaffinity(0))})",
        lambda arena: _differs("affinity", arena),
        known=_NO_HOOK,
    ),
    Attack(
        "scheduler_server",
        "attempt(os.sched_setscheduler, A['pid'], os.SCHED_BATCH, os.sched_param(0))",
        _scheduled_as_batch,
        known=_NO_HOOK,
    ),
    Attack(
        "oom_score_server",
        "attempt(lambda: open(f'/proc/{A[\"pid\"]}/oom_score_adj', 'w').write('500'))",
        _is_preferred_victim,
    ),
)

ATTACKS: tuple[Attack, ...] = (*_DESCRIPTORS, *_MEMORY, *_SIGNALS, *_SCHEDULING)
