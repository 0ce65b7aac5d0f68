"""Attacks on the limits of time, processor, output, processes and open files: each is bounded by itself.

Allowed are 6 s (here often less), 1 s of processor, 16 MiB of output, 32 processes and threads, 256 open files.
"""

from collections.abc import Callable
from dataclasses import replace

from referee.sandbox.spec import Limits

from tests.attacks.arena import LIMITS, Arena, Attack
from tests.attacks.held import HOLD, beyond, beyond_count
from tests.attacks.proofs import begun_in_vain, proofs, said

_CPU_SECONDS = 1.0
_CPU_MARGIN = 1.5
_QUICK = replace(LIMITS, wall_seconds=2)
# More than the attack takes, so that the limit of the processor alone can end it.
_LONG = replace(LIMITS, wall_seconds=30, cpu_seconds=_CPU_SECONDS)
_LATE_SECONDS = 10.0

_PROCESSES = beyond_count(LIMITS.processes, "processes")
_OPEN_FILES = beyond_count(LIMITS.open_files, "open_files")
_BURNT = beyond(_CPU_SECONDS, _CPU_MARGIN, "cpu")

# `burn(seconds)` uses so much of the processor; `burn_in` does so in a number of children and adds it up.
_BURN = (
    HOLD
    + """
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def burn_in(count, seconds, start):
    ready, told = os.pipe()
    for _ in range(count):
        start(lambda: (burn(seconds), os.write(told, b"x")))
    for done in range(count):
        os.read(ready, 1)
        say("held", (done + 1) * seconds)

def child(work):
    if os.fork() == 0:
        work()
        os._exit(0)

def orphan(work):
    if os.fork() == 0:
        os.setsid()
        child(work)
        os._exit(0)
    os.wait()
"""
)

_ENDLESS = (
    HOLD
    + """
for number in range(1, 65):
    if number not in (9, 19, 32, 33):
        signal.signal(number, signal.SIG_IGN)
"""
)


def _late(arena: Arena) -> bool:
    """Whether the trial was not ended at its time limit; a busy machine may take some seconds to do it."""
    run = arena.run
    return begun_in_vain(arena) or bool(run and (run.outcome != "timeout" or run.seconds > 2 + _LATE_SECONDS))


def _flooded(arena: Arena) -> bool:
    """Whether more than twice the output was taken, or more of it kept than the log may hold."""
    run = arena.run
    most = LIMITS.output_bytes
    kept = len(said(arena).encode(errors="replace")) > 2 * LIMITS.log_bytes
    return begun_in_vain(arena) or kept or bool(run and (run.outcome == "ok" or run.output_bytes > 2 * most))


def _raised(arena: Arena) -> bool:
    return begun_in_vain(arena) or "raised" in proofs(arena)


def _attack(name: str, code: str, broke: Callable[[Arena], bool], limits: Limits = LIMITS) -> Attack:
    return Attack(name, HOLD + code, broke, limits=limits)


def _burner(name: str, code: str) -> Attack:
    return Attack(name, _BURN + code, _BURNT, limits=_LONG)


def _endless(name: str, code: str) -> Attack:
    return Attack(name, _ENDLESS + code, _late, limits=_QUICK)


ATTACKS: tuple[Attack, ...] = (
    _endless("sigterm_ignore", "while True:\n    time.sleep(60)\n"),
    Attack("sleep_forever", "import time\nwhile True:\n    time.sleep(60)\n", _late, limits=_QUICK),
    _endless("stop_itself", "os.kill(0, signal.SIGSTOP)\n"),
    _endless("closed_output", "os.close(1)\nos.close(2)\nwhile True:\n    time.sleep(60)\n"),
    _endless("blocked_signals", "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True:\n    pass\n"),
    _attack(
        "fork_bomb",
        """
for number in children(200, lambda _: None):
    say("held", number + 1)
time.sleep(KEEP_SECONDS)
""",
        _PROCESSES,
    ),
    # Two become four: no single parent has many children.
    _attack(
        "fork_bomb_tree",
        """
first, (ready, told) = os.getpid(), os.pipe()
for _ in range(7):
    if fork() == 0:
        os.write(told, b"x")
end, total = time.monotonic() + 3, 0
os.set_blocking(ready, False)
while time.monotonic() < end:
    time.sleep(0.02)
    if os.getpid() == first:
        total += len(attempt(os.read, ready, 1024) or b"")
        say("held", total)
""",
        _PROCESSES,
    ),
    _attack(
        "fork_bomb_orphans",
        """
ready, told = os.pipe()
for number in range(200):
    if fork() == 0:
        os.setsid()
        if fork() == 0:
            os.write(told, b"x")
            time.sleep(20)
        os._exit(0)
    os.wait()
    os.read(ready, 1)
    say("held", number + 1)
time.sleep(KEEP_SECONDS)
""",
        _PROCESSES,
    ),
    _attack(
        "thread_bomb",
        """
threading.stack_size(65536)
try:
    for number in range(200):
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
        say("held", number + 1)
except RuntimeError:
    pass
time.sleep(KEEP_SECONDS)
os._exit(0)
""",
        _PROCESSES,
    ),
    # Ended and never waited for: each still takes a number.
    _attack(
        "zombie_bomb",
        """
for number in range(200):
    if fork() == 0:
        os._exit(0)
    say("held", number + 1)
time.sleep(KEEP_SECONDS)
""",
        _PROCESSES,
    ),
    _attack(
        "fd_bomb",
        """
def take():
    kept.append(os.open("/dev/null", os.O_RDONLY))
hold(600, 1, take)
""",
        _OPEN_FILES,
    ),
    _attack(
        "fd_bomb_raised",
        """
for limit in (1 << 20, 4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        break
    except (ValueError, OSError):
        pass
hold(600, 1, lambda: kept.append(os.dup(0)))
""",
        _OPEN_FILES,
    ),
    # A bound that the trial itself could lift would be none.
    _attack(
        "prlimit_raised",
        """
kinds = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
for name, one in kinds.items():
    for pid in (0, os.getpid(), os.getppid()):
        try:
            before = resource.prlimit(pid, one)[1]
            for wanted in (before + 1, resource.RLIM_INFINITY):
                if before not in (-1, resource.RLIM_INFINITY):
                    resource.prlimit(pid, one, (before, wanted))
                    say("raised", name)
        except (ValueError, OSError):
            pass
""",
        _raised,
    ),
    _attack("output_flood", "for _ in range(64):\n    os.write(1, CHUNK)\n", _flooded),
    _attack("stderr_flood", "for _ in range(64):\n    os.write(2, CHUNK)\n", _flooded),
    _attack(
        "output_flood_by_many",
        """
for number in children(8, lambda _: [os.write(1, CHUNK[:4096]) for _ in range(2048)]):
    pass
""",
        _flooded,
    ),
    # Nobody reads so fast that the last of it has arrived when the trial has ended.
    _attack(
        "output_in_pipe",
        """
import fcntl
attempt(fcntl.fcntl, 1, 1031, MIB)
for _ in range(40):
    os.write(1, CHUNK)
os._exit(0)
""",
        _flooded,
    ),
    _burner("cpu_single", "for second in range(5):\n    burn(1)\n    say('held', second + 1)\n"),
    _burner("cpu_multi", "burn_in(6, 0.9, child)\n"),
    _burner("cpu_threads", "burn_in(1, 5, lambda work: [threading.Thread(target=burn, args=(5,)).start(), work()])\n"),
    _burner("cpu_orphans", "burn_in(6, 0.9, orphan)\n"),
    # What nobody waits for is added to nobody's account, and gone before it is looked at.
    _burner(
        "cpu_ignored_children",
        """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def ended(pid):
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass
def branch():
    if os.fork() == 0:
        for _ in range(20):
            if (leaf := os.fork()) == 0:
                burn(0.005)
                os._exit(0)
            ended(leaf)
        os._exit(0)
for step in range(25):
    branch()
    branch()
    ended(-1)
    say("held", (step + 1) * 0.2)
""",
    ),
)
