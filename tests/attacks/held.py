"""How attacks on the limits are judged: by what they came to hold, unless they were ended for it.

An attack says `held=N` after each step, and takes no more than a few times what is allowed. It got through if it
held more than twice the limit and a margin, and its run did not end as a breach of that limit.
"""

from collections.abc import Callable

from tests.attacks.arena import LIMITS, Arena
from tests.attacks.proofs import CALLS, begun_in_vain, proofs, unlink

MEMORY_MIB = int(LIMITS.memory) >> 20
DISK_MIB = LIMITS.disk_bytes >> 20
_MARGIN_MIB = 32
_MARGIN = 16

# `hold(goal, step, take)` calls `take()` until `goal` is reached and says how far it came; then it keeps what it has
# for a while, as work that needs it would.
HOLD = (
    CALLS
    + """
import mmap, resource, signal, socket, threading
MIB, CHUNK = 1 << 20, bytes(1 << 20)
NAME = "held-" + A["mark"]
KEEP_SECONDS = 1.5
kept = []

def hold(goal, step, take):
    for done in range(step, goal + step, step):
        take()
        say("held", done)
    time.sleep(KEEP_SECONDS)

def fill(descriptor, mib):
    for _ in range(mib):
        view = memoryview(CHUNK)
        while view:
            view = view[os.write(descriptor, view):]

def anonymous(mib, flags=mmap.MAP_PRIVATE, populate=True):
    return mmap.mmap(-1, mib * MIB, flags=flags | mmap.MAP_ANONYMOUS | (0x8000 if populate else 0))

def send_away(descriptor):
    # It is in nobody's hands then, only on its way.
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    socket.send_fds(one, [b"x"], [descriptor])
    os.close(descriptor)
    kept.extend((one, other))

def fork():
    # Whoever is refused another one keeps those that it has.
    try:
        return os.fork()
    except BlockingIOError:
        time.sleep(20)
        os._exit(0)

def children(count, work):
    # Start them, wait until each has done its work, and keep them.
    ready, told = os.pipe()
    for number in range(count):
        if fork() == 0:
            work(number)
            os.write(told, b"x")
            time.sleep(20)
            os._exit(0)
        os.read(ready, 1)
        yield number
"""
)


def beyond(allowed: float, margin: float, *keys: str) -> Callable[[Arena], bool]:
    """Judge by how much was held, unless the run was ended as a breach of one of these limits."""

    def broke(arena: Arena) -> bool:
        ended = arena.run is not None and arena.run.limit in keys
        return begun_in_vain(arena) or (not ended and held(arena) > 2 * allowed + margin)

    return broke


def beyond_memory(arena: Arena) -> bool:
    """Whether more than twice the memory was held and the run not ended for it."""
    return beyond(MEMORY_MIB, _MARGIN_MIB, "memory")(arena)


def beyond_disk(arena: Arena) -> bool:
    """Whether more than twice the disk was held, in memory file systems too, and the run not ended for it."""
    return beyond(DISK_MIB, _MARGIN_MIB, "disk", "memory")(arena)


def beyond_count(allowed: int, *keys: str) -> Callable[[Arena], bool]:
    """Judge by a number of things held."""
    return beyond(allowed, _MARGIN, *keys)


def remove_held(arena: Arena) -> None:
    """Remove the files that the attack made outside of its own folders."""
    unlink(f"held-{arena.mark}")


def held(arena: Arena) -> float:
    """Return how much the attack came to hold, in its own unit."""
    return float(proofs(arena).get("held", "0"))
