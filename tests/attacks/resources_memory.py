"""Attacks on the limit of memory: much of it, in many hands, where nobody looks. 700 MiB, for two seconds."""

from collections.abc import Callable

from tests.attacks.arena import Arena, Attack, nothing
from tests.attacks.held import HOLD, beyond_memory, remove_held
from tests.attacks.proofs import remove_system_v


def _attack(name: str, code: str, undo: Callable[[Arena], None] = nothing) -> Attack:
    return Attack(name, HOLD + code, beyond_memory, undo=undo)


# One process may have 256 files open: several, with the two ends of a hundred pairs each, fill them with `stuff`.
_BUFFERS = """
import fcntl
def fill_all(ends, stuff):
    total = 0
    for end in ends:
        try:
            while True:
                total += stuff(end)
        except BlockingIOError:
            pass
    return total

def many(make, stuff):
    total, (ready, told) = 0, os.pipe()
    for _ in range(16):
        if os.fork() == 0:
            pairs = [make() for _ in range(110)]
            os.write(told, struct.pack("q", fill_all([pair[1] for pair in pairs], stuff)))
            time.sleep(20)
            os._exit(0)
        total += struct.unpack("q", os.read(ready, 8))[0]
        say("held", total // MIB)
        if total > 700 * MIB:
            break
    time.sleep(KEEP_SECONDS)
"""

ATTACKS: tuple[Attack, ...] = (
    _attack("memory_hog", "hold(700, 20, lambda: kept.append(b'x' * (20 * MIB)))\n"),
    _attack("memory_hog_fast", "hold(700, 700, lambda: kept.append(anonymous(700)))\n"),
    _attack(
        "memory_many",
        """
for number in children(10, lambda _: kept.append(anonymous(70))):
    say("held", 70 * (number + 1))
time.sleep(KEEP_SECONDS)
""",
    ),
    _attack(
        "memory_orphan",
        """
ready, told = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        kept.append(anonymous(700))
        os.write(told, b"x")
        time.sleep(20)
    os._exit(0)
os.read(ready, 1)
hold(700, 700, lambda: None)
""",
    ),
    # Over before anybody looks a second time.
    _attack(
        "memory_flash",
        """
for _ in range(3):
    if os.fork() == 0:
        kept.append(anonymous(700))
        say("held", 700)
        os._exit(0)
    os.wait()
""",
    ),
    _attack("memfd_hog", "file = os.memfd_create(NAME)\nhold(700, 20, lambda: fill(file, 20))\n"),
    _attack(
        "memfd_in_flight",
        """
def take():
    file = os.memfd_create(NAME)
    fill(file, 20)
    send_away(file)
hold(700, 20, take)
""",
    ),
    # Mapped, but none of its pages is in the process: neither a descriptor nor resident memory tells.
    _attack(
        "memfd_mapped",
        """
def take():
    file = os.memfd_create(NAME)
    fill(file, 20)
    kept.append(mmap.mmap(file, 20 * MIB))
    os.close(file)
hold(700, 20, take)
""",
    ),
    _attack(
        "memfd_mapped_by_its_end",
        """
def take():
    file = os.memfd_create(NAME)
    fill(file, 20)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap(ctypes.c_void_p(0), ctypes.c_size_t(4096), 1, 1, file, ctypes.c_long(20 * MIB - 4096))
    os.close(file)
hold(700, 20, take)
""",
    ),
    _attack(
        "shared_memory_let_go",
        """
def take():
    kept.append(anonymous(20, mmap.MAP_SHARED))
    kept[-1].madvise(mmap.MADV_DONTNEED)
hold(700, 20, take)
""",
    ),
    _attack(
        "sysv_shm_hog",
        """
KEY = int(A["mark"][-7:], 16)
libc.shmat.restype = ctypes.c_void_p
segment = call(SHMGET, KEY, 700 * MIB, 0o1666)
place = libc.shmat(segment, None, 0)
def take():
    global place
    ctypes.memset(place, 1, 20 * MIB)
    place += 20 * MIB
start = place
try:
    for done in range(20, 701, 20):
        take()
        say("held", done)
    libc.shmdt(ctypes.c_void_p(start))
    time.sleep(KEEP_SECONDS)
finally:
    libc.shmctl(segment, 0, None)
""",
        remove_system_v,
    ),
    _attack(
        "devshm_hog",
        "file = os.open('/dev/shm/' + NAME, os.O_CREAT | os.O_WRONLY)\nhold(700, 20, lambda: fill(file, 20))\n",
        remove_held,
    ),
    _attack(
        "devshm_unlinked",
        """
def take():
    file = os.open("/dev/shm/" + NAME, os.O_CREAT | os.O_RDWR)
    os.unlink("/dev/shm/" + NAME)
    fill(file, 20)
    send_away(file)
hold(700, 20, take)
""",
        remove_held,
    ),
    # One byte read in two megabytes costs a page of the tables and none of memory.
    _attack(
        "page_tables",
        """
libc.mmap.restype = ctypes.c_void_p
TABLE_MIB = 20 * 256 * 2
def take():
    place = libc.mmap(ctypes.c_void_p(0), ctypes.c_size_t(TABLE_MIB * MIB), 1, 0x4022, -1, ctypes.c_long(0))
    libc.madvise(ctypes.c_void_p(place), ctypes.c_size_t(TABLE_MIB * MIB), 15)
    for offset in range(0, TABLE_MIB * MIB, 2 * MIB):
        ctypes.c_char.from_address(place + offset).value
hold(700, 20, take)
""",
    ),
    _attack(
        "socket_buffers",
        _BUFFERS
        + """
def make():
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for end in pair:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MIB)
    return pair
many(make, lambda end: end.send(CHUNK[:65536]))
""",
    ),
    _attack(
        "pipe_buffers",
        _BUFFERS
        + """
def make():
    ends = os.pipe()
    os.set_blocking(ends[1], False)
    try:
        fcntl.fcntl(ends[1], 1031, MIB)
    except OSError:
        pass
    return ends
many(make, lambda end: os.write(end, CHUNK))
""",
    ),
)
