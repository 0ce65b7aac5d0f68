"""Another trial at the same time: its memory, its folders and its life are none of this trial's business."""

from tests.attacks.arena import SHARED, Arena, Attack

_SIBLING = """
import signal
signal.signal(signal.SIGUSR1, lambda *_: print("hit", flush=True))
for place in (".", os.environ["HOME"], os.environ["TMPDIR"], "/dev/shm"):
    attempt(lambda: open(place + "/" + A["mark"], "w").write(os.environ["ARENA_TOKEN"]))
print("ready", flush=True)
while True:
    signal.pause()
"""

_OTHERS = """
from pathlib import Path
OTHERS = [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (os.getpid(), 1)]

def show(path):
    print(Path(path).read_bytes()[:4096])
"""

_IN_SHARED_MEMORY = """
import signal
descriptor = attempt(os.open, "/dev/shm/" + A["mark"], os.O_WRONLY | os.O_CREAT)
if descriptor is not None:
    os.fchmod(descriptor, 0o666)
    os.write(descriptor, os.environ["ARENA_TOKEN"].encode())
print("ready", flush=True)
signal.pause()
"""


def _hit(arena: Arena) -> bool:
    return "hit" in arena.nearby


ATTACKS: tuple[Attack, ...] = (
    Attack(
        "sibling_environment",
        _OTHERS + "for pid in OTHERS: attempt(show, f'/proc/{pid}/environ')",
        Arena.leaked,
        beside=_SIBLING,
    ),
    Attack(
        "sibling_folders",
        _OTHERS
        + """
found = [f"/proc/{pid}/cwd" for pid in OTHERS]
for top in (A["scratch"], "/tmp", os.path.dirname(os.environ["HOME"])):
    found += [os.path.join(top, place) for place, _, _ in os.walk(top)]
for place in found:
    attempt(show, f"{place}/{A['mark']}")
""",
        Arena.leaked,
        beside=_SIBLING,
    ),
    Attack(
        "sibling_shared_memory",
        _OTHERS + "attempt(show, '/dev/shm/' + A['mark'])",
        Arena.leaked,
        beside=_IN_SHARED_MEMORY,
        known=SHARED,
    ),
    Attack(
        "sibling_signal",
        _OTHERS
        + """
import signal
for pid in OTHERS:
    if A["mark"].encode() in (attempt(Path(f"/proc/{pid}/cmdline").read_bytes) or b""):
        attempt(os.kill, int(pid), signal.SIGUSR1)
""",
        _hit,
        beside=_SIBLING,
    ),
)
