"""Attacks on the limits of disk and files: everywhere it can be written, without a name, out of sight. 128 MiB at most.

Allowed are 32 MiB and 2000 files. What lies in a memory file system counts as well, by either name.
"""

from collections.abc import Callable

from tests.attacks.arena import LIMITS, Arena, Attack, nothing
from tests.attacks.held import HOLD, beyond_count, beyond_disk, held, remove_held
from tests.attacks.proofs import begun_in_vain, proofs

_FILES = beyond_count(LIMITS.files, "files", "disk", "memory")
_TERABYTE = 1 << 40

_FILL = (
    HOLD
    + """
TMP, HOME, RESULTS = os.environ["TMPDIR"], os.environ["HOME"], os.environ["REFEREE_RESULTS"]

def new(path):
    return os.open(path, os.O_CREAT | os.O_RDWR, 0o600)

def fill_in(*folders):
    files = [new(f"{folder}/{NAME}") for folder in folders]
    def take():
        for file in files:
            fill(file, 8)
    hold(128, 8 * len(files), take)
"""
)
# A tree of its own for counting what is no plain file either.
_MANY = (
    _FILL
    + """
def many(make):
    os.chdir(TMP)
    for hundreds in range(9):
        os.mkdir(str(hundreds))
        for number in range(500):
            make(f"{hundreds}/{number}")
        say("held", 500 * (hundreds + 1))
    time.sleep(KEEP_SECONDS)
"""
)


def _attack(name: str, code: str, undo: Callable[[Arena], None] = nothing) -> Attack:
    return Attack(name, _FILL + code, beyond_disk, undo=undo)


def _dumped(arena: Arena) -> bool:
    return begun_in_vain(arena) or proofs(arena).get("dumped", "").startswith("True")


def _held_up(arena: Arena) -> bool:
    """Whether a file that is long but empty kept the referee from measuring."""
    run = arena.run
    return begun_in_vain(arena) or bool(held(arena) and run and run.seconds > 2 * LIMITS.wall_seconds)


ATTACKS: tuple[Attack, ...] = (
    _attack("disk_fill", "fill_in('.')\n"),
    _attack("disk_fill_frozen_folder", "fill_in('lib/deep')\n"),
    _attack("disk_fill_results", "fill_in(RESULTS)\n"),
    _attack("disk_fill_input", "fill_in(A['input'])\n"),
    # Little in each place, too much in all together.
    _attack("disk_spread", "fill_in('.', TMP, HOME, RESULTS)\n"),
    _attack("tmp_hog", "fill_in('/tmp')\n", remove_held),
    _attack("dev_hog", "fill_in('/dev')\n", remove_held),
    _attack("root_hog", "fill_in('/')\n", remove_held),
    _attack(
        "disk_fill_unlinked",
        "file = new(NAME)\nos.unlink(NAME)\nhold(128, 8, lambda: fill(file, 8))\n",
    ),
    _attack(
        "disk_fill_unlinked_in_tmp",
        """
file = new(f"{TMP}/{NAME}")
os.unlink(f"{TMP}/{NAME}")
hold(128, 8, lambda: fill(file, 8))
""",
    ),
    _attack(
        "disk_nameless",
        "file = os.open(TMP, os.O_TMPFILE | os.O_RDWR, 0o600)\nhold(128, 8, lambda: fill(file, 8))\n",
    ),
    # No descriptor is left, only a page of a mapping.
    _attack(
        "disk_mapped_unlinked",
        """
def take():
    file = new(f"{TMP}/{NAME}")
    os.unlink(f"{TMP}/{NAME}")
    fill(file, 8)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap(ctypes.c_void_p(0), ctypes.c_size_t(4096), 1, 1, file, ctypes.c_long(8 * MIB - 4096))
    os.close(file)
hold(128, 8, take)
""",
    ),
    _attack(
        "disk_in_flight",
        """
def take():
    file = new(f"{TMP}/{NAME}")
    os.unlink(f"{TMP}/{NAME}")
    fill(file, 8)
    send_away(file)
hold(128, 8, take)
""",
    ),
    # Taken in one call, before anything is written.
    _attack(
        "disk_fallocate",
        """
file = new(f"{TMP}/{NAME}")
def take():
    for size in (128, 96):
        try:
            return os.posix_fallocate(file, 0, size * MIB)
        except OSError:
            pass
    raise SystemExit
hold(128, 128, take)
""",
    ),
    _attack(
        "disk_many_small",
        """
os.chdir(TMP)
def take():
    os.mkdir(str(time.monotonic_ns()))
    for _ in range(80):
        file = new(str(time.monotonic_ns()))
        os.write(file, CHUNK[:102400])
        os.close(file)
hold(128, 8, take)
""",
    ),
    # A folder that its owner may not list either; who walks the tree without root's rights sees nothing in it.
    _attack(
        "disk_closed_folder",
        """
os.mkdir(f"{TMP}/closed")
folder = os.open(f"{TMP}/closed", os.O_RDONLY)
file = os.open(NAME, os.O_CREAT | os.O_WRONLY, dir_fd=folder)
os.chmod(f"{TMP}/closed", 0)
hold(128, 8, lambda: fill(file, 8))
""",
    ),
    # Deeper than any path can be long.
    _attack(
        "disk_deep_folder",
        """
os.chdir(TMP)
for _ in range(40):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
file = new(NAME)
hold(128, 8, lambda: fill(file, 8))
""",
    ),
    # Always where the walker has been already.
    _attack(
        "disk_moving",
        """
folders = [f"{TMP}/a", f"{TMP}/z", f"{HOME}/b", "c"]
for folder in folders:
    os.mkdir(folder)
file = new(f"{folders[0]}/{NAME}")
if os.fork() == 0:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for source, place in zip(folders[:2], folders[1::-1]):
            try:
                os.rename(f"{source}/{NAME}", f"{place}/{NAME}")
            except OSError:
                pass
        time.sleep(0.0002)
    os._exit(0)
hold(128, 8, lambda: fill(file, 8))
""",
    ),
    _attack(
        "disk_odd_name",
        "file = os.open(os.fsencode(TMP) + b'/\\xff\\n\\t' + b'x' * 200, os.O_CREAT | os.O_WRONLY)\n"
        "hold(128, 8, lambda: fill(file, 8))\n",
    ),
    Attack("inode_bomb", _MANY + "many(lambda name: os.close(new(name)))\n", _FILES),
    Attack("inode_bomb_folders", _MANY + "many(os.mkdir)\n", _FILES),
    Attack("inode_bomb_links", _MANY + "many(lambda name: os.symlink('nowhere', name))\n", _FILES),
    Attack("inode_bomb_fifos", _MANY + "many(os.mkfifo)\n", _FILES),
    Attack(
        "inode_bomb_devshm",
        _MANY.replace("chdir(TMP)", "mkdir('/dev/shm/' + NAME); os.chdir('/dev/shm/' + NAME)")
        + "many(lambda name: os.close(new(name)))\n",
        _FILES,
        undo=remove_held,
    ),
    Attack(
        "inode_bomb_project",
        _MANY.replace("chdir(TMP)", "getcwd()") + "many(lambda name: os.close(new(name)))\n",
        _FILES,
    ),
    Attack(
        "sparse_file",
        _FILL
        + f"""
for place in (TMP, HOME, RESULTS, "."):
    file = new(f"{{place}}/{{NAME}}")
    for size in ({_TERABYTE}, 1 << 34, 200 * MIB):
        attempt(os.ftruncate, file, size)
    say("held", os.fstat(file).st_size / MIB)
""",
        _held_up,
    ),
    Attack(
        "core_dump",
        _FILL
        + """
for folder in (".", TMP):
    if (pid := os.fork()) == 0:
        os.chdir(folder)
        for limit in (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_CORE)[1]):
            try:
                resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
            except ValueError:
                pass
        os.abort()
    say("dumped", os.WCOREDUMP(os.waitpid(pid, 0)[1]) or any(name.startswith("core") for name in os.listdir(folder)))
""",
        _dumped,
    ),
)
