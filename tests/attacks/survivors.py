"""Attacks that leave a process behind: deaf, stopped, hidden, forking, or holding what others need.

The host finds it by the word on its command line, or by what it holds, and kills what got through.
"""

import fcntl
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.attacks.arena import Arena, Attack
from tests.attacks.proofs import CALLS, begun_in_vain, in_table, left_name, processes

# `daemon(work)` leaves a process in a session of its own that ignores every signal, keeps no descriptor but those
# in `keep`, and then runs `work` as a program of its own, with the mark on its command line.
_DAEMON = (
    CALLS
    + """
import signal
MARK = "left-" + A["mark"]

def deaf():
    for number in range(1, 65):
        if number not in (9, 19, 32, 33):
            signal.signal(number, signal.SIG_IGN)

def alone(keep=()):
    os.setsid()
    for descriptor in range(256):
        if descriptor not in keep:
            try:
                os.close(descriptor)
            except OSError:
                pass

def daemon(work="", keep=(), end="import time; time.sleep(60)"):
    ready, told = os.pipe()
    if os.fork() == 0:
        alone((*keep, told))
        if os.fork() == 0:
            deaf()
            os.set_inheritable(told, True)
            for descriptor in keep:
                os.set_inheritable(descriptor, True)
            words = f"{work}\\nimport os; os.write({told}, b'x'); os.close({told})\\n{end}"
            os.execv(sys.executable, [sys.executable, "-S", "-c", words, MARK])
        os._exit(0)
    os.close(told)
    os.read(ready, 1)
"""
)


def _alive(arena: Arena) -> bool:
    return bool(processes(left_name(arena)))


def _kill(arena: Arena) -> None:
    for pid in processes(left_name(arena)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _locked(arena: Arena) -> bool:
    """Whether the shared input is still locked, or leased to somebody who would hold up a writer."""
    for name, flags in (("lock", os.O_RDONLY), ("lease", os.O_WRONLY | os.O_NONBLOCK)):
        try:
            descriptor = os.open(arena.input / name, flags)
        except BlockingIOError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def _watched(arena: Arena) -> bool:
    """Whether a living process watches a folder of the input."""
    number = f"ino:{arena.input.stat().st_ino:x} "
    return any(number in text for text in _descriptor_texts())


def _descriptor_texts() -> list[str]:
    texts: list[str] = []
    for folder in Path("/proc").glob("[0-9]*/fdinfo"):
        with suppress(OSError):
            texts += [Path(folder, name).read_text(encoding="utf-8", errors="replace") for name in os.listdir(folder)]
    return texts


def _open_somewhere(arena: Arena) -> bool:
    """Whether a living process has a descriptor whose name holds the mark."""
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            if any(left_name(arena) in str(Path(folder, name).readlink()) for name in os.listdir(folder)):
                return True
    return False


def _survivor(name: str, code: str, broke: Callable[[Arena], bool] = _alive) -> Attack:
    return Attack(name, _DAEMON + code, lambda arena: broke(arena) or _alive(arena) or begun_in_vain(arena), undo=_kill)


ATTACKS: tuple[Attack, ...] = (
    _survivor("daemon", "daemon(); daemon()\n"),
    _survivor("daemon_holds_stdout", "daemon(keep=(1, 2))\n", lambda arena: bool(arena.run and arena.run.seconds > 5)),
    # It writes wherever it may, for as long as it lives.
    _survivor(
        "daemon_writer",
        '''
daemon(f"""
import os, time
def write(end):
    while time.monotonic() < end:
        for path in ({(A['outside'] + '/' + MARK)!r}, 'beat'):
            try: open(path, 'w').write(str(time.monotonic()))
            except OSError: pass
""", end="write(time.monotonic() + 60)")
''',
    ),
    _survivor("daemon_stopped", "daemon(end='import os; os.kill(os.getpid(), 19)')\n"),
    _survivor(
        "daemon_adopts",
        """
libc.prctl(36, 1, 0, 0, 0)
for _ in range(3):
    if os.fork() == 0:
        libc.prctl(36, 1, 0, 0, 0)
        daemon()
        os._exit(0)
    os.wait()
""",
    ),
    # Its first thread has ended: most of what is told of a process is told of that thread.
    _survivor(
        "daemon_without_leader",
        """
daemon(work="import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start()",
       end="ctypes.CDLL(None).syscall(60, 0)" if X86 else "ctypes.CDLL(None).syscall(93, 0)")
""",
    ),
    _survivor(
        "daemon_waits_for_fifo",
        "path = os.environ['TMPDIR'] + '/fifo'\nos.mkfifo(path)\ndaemon(end=f'open({path!r}).read()')\n",
    ),
    # A parent of `vfork` cannot be interrupted until its child has ended: five of them, one inside the other.
    _survivor(
        "vfork_chain",
        """
if os.fork() == 0:
    deaf()
    alone()
    for depth in range(5):
        if call(CLONE, VFORK | 17, 0, 0, 0, 0):
            os._exit(0)
    os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(60)", MARK])
time.sleep(0.3)
""",
    ),
    # Each generation is one fork and one end: whoever reads a number and then kills it comes too late. No look at the
    # processes is quick enough either; the lock that they all inherit tells.
    _survivor(
        "refork",
        """
import fcntl
held = os.open(A["input"] + "/lock", os.O_RDONLY)
fcntl.flock(held, fcntl.LOCK_EX)
os.set_inheritable(held, True)
code = '''
import os, time
end = time.monotonic() + 20
while not os.fork() and time.monotonic() < end:
    pass
os._exit(0)
'''
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        deaf()
        os.execv(sys.executable, [sys.executable, "-S", "-c", code, MARK])
time.sleep(0.3)
""",
        _locked,
    ),
    _survivor(
        "daemon_with_lock",
        '''
daemon(work=f"""
import fcntl, os
for name in ('lock', 'lease'):
    descriptor = os.open({A['input']!r} + '/' + name, os.O_RDONLY)
    os.dup2(descriptor, descriptor + 20)
    for hold in (lambda: fcntl.flock(descriptor, fcntl.LOCK_EX), lambda: fcntl.fcntl(descriptor, 1024, 0)):
        try: hold()
        except OSError: pass
""")
''',
        _locked,
    ),
    _survivor(
        "daemon_with_abstract_socket",
        '''
daemon(work=f"""
import socket
kept = socket.socket(socket.AF_UNIX)
kept.bind('\\\\0{MARK}')
kept.listen()
""")
''',
        in_table("/proc/net/unix"),
    ),
    _survivor(
        "daemon_with_watch",
        'daemon(work=f"import ctypes; libc = ctypes.CDLL(None)\\n'
        "libc.inotify_add_watch(libc.inotify_init(), {A['input']!r}.encode(), 0xFFF)\")\n",
        _watched,
    ),
    _survivor(
        "daemon_with_timer",
        """
daemon(work="import signal; signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01); signal.pthread_sigmask(0, [14])")
""",
    ),
    _survivor(
        "daemon_with_memory",
        "kept = os.memfd_create(MARK)\nos.write(kept, b'x' * 4096)\ndaemon(keep=(kept,))\n",
        _open_somewhere,
    ),
)
