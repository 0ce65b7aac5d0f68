"""The code of trials that leave as much behind as they can, each process with a token by which the host knows it."""

_ADRIFT = """
import os, sys, time
TOKEN = {token!r}

def adrift(role, code):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", code, TOKEN, role])
        os._exit(0)
    os.wait()

def litter():
    for top in ("/dev/shm", "/tmp", "/var/tmp", os.environ["TMPDIR"], "."):
        try:
            open(os.path.join(top, TOKEN), "w").close()
        except OSError:
            pass
"""

# In a session of its own, without any descriptor, without ears.
_DAEMON = """
import os, signal, time
os.closerange(0, 4096)
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while True:
    time.sleep(60)
"""

# A new process every moment, with the trial's output in its hands; it ends by itself if nobody ends it.
_FAMILY = """
import os, time
end = time.monotonic() + 60
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    time.sleep(0.005)
"""
DAEMON, FAMILY = "lone-daemon", "forking-family"


def prelude(token: str) -> str:
    """Define `TOKEN`, `adrift(role, code)` and `litter()`, which leaves files wherever it can."""
    return _ADRIFT.format(token=token)


def daemons(token: str, *, files: bool = False) -> str:
    """Leave a deaf daemon and a family that forks again and again, and files where that is asked for."""
    start = f"adrift({DAEMON!r}, {_DAEMON!r})\nadrift({FAMILY!r}, {_FAMILY!r})\n"
    return prelude(token) + start + ("litter()\n" if files else "")


FOREVER = "while True: time.sleep(60)\n"
