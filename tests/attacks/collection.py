"""Attacks on the reading of results: files that are not what they seem, that cost without end, or that come too late.

Every one tries to have a number named `forged...` counted, or to hold up the reader. What confines the trial does
not matter here: the host reads what it left, so all must be stopped everywhere.
"""

import time
from dataclasses import replace

from tests.attacks.arena import LIMITS, Arena, Attack
from tests.attacks.proofs import CALLS, begun_in_vain

# Reading takes milliseconds; a machine that is busy with other tests is not slower than this.
_SLOW_SECONDS = 8.0
_MEASURED = ("wall_seconds", "cpu_seconds", "peak_memory_gb")

_FILES = (
    CALLS
    + """
FILE, FOLDER = os.environ["REFEREE_METRICS"], os.environ["REFEREE_RESULTS"]
OUT, OWN = os.path.dirname(FILE), os.environ["REFEREE_RESULTS"] + "/own"
PLACES = [FILE, *(f"{FOLDER}/{name}" for name in ("metrics.json", "correct.json", "reward.json", "reward.txt"))]
FORGED = '{"forged": 999}'

def write(path, text):
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)

def late(work):
    ready, told = os.pipe()
    parent = os.getpid()
    if os.fork() == 0:
        os.setsid()
        os.write(told, b"x")
        while os.getppid() == parent:
            time.sleep(0.001)
        time.sleep(0.5)
        work()
        os._exit(0)
    os.read(ready, 1)
"""
)


def _counted(arena: Arena) -> bool:
    """Whether a forged number was counted, a measured one replaced, or no answer given at all."""
    run = arena.run
    if run is None:
        return begun_in_vain(arena)
    return any(name.startswith("forged") or name in _MEASURED for name in run.metrics)


def _held_up(arena: Arena) -> bool:
    """Whether the answer came long after the trial had said its last word."""
    return _counted(arena) or time.time() - arena.lab.log.stat().st_mtime > _SLOW_SECONDS


def _attack(name: str, code: str) -> Attack:
    return Attack(name, _FILES + code, _counted)


def _burden(name: str, code: str) -> Attack:
    return Attack(name, _FILES + code + "\nprint('end', flush=True)\n", _held_up)


ATTACKS: tuple[Attack, ...] = (
    _attack(
        "collect_symlink",
        """
write(OWN, FORGED)
for place in PLACES:
    os.symlink("results/own" if place == FILE else "own", place)
""",
    ),
    _attack(
        "collect_symlinked_folder",
        """
os.makedirs(OUT + "/other")
write(OUT + "/other/metrics.json", FORGED)
write(OUT + "/other/correct.json", '{"correct": true}')
os.rmdir(FOLDER)
os.symlink("other", FOLDER)
""",
    ),
    # Where the trial may rename the folder itself, what is above a file's name leads elsewhere.
    _attack(
        "collect_replaced_parent",
        """
write(FILE, FORGED)
away = attempt(os.rename, OUT, OUT + "-away")
os.path.exists(OUT) or attempt(os.symlink, OUT + "-away", OUT)
os.path.islink(OUT) or os.unlink(FILE)
""",
    ),
    _attack("collect_hard_link", "write(OWN, FORGED)\nfor place in PLACES:\n    os.link(OWN, place)\n"),
    _burden("collect_fifo", "for place in PLACES:\n    os.mkfifo(place)\n"),
    _burden(
        "collect_device",
        """
for place in PLACES:
    attempt(os.mknod, place, 0o20666, os.makedev(1, 5))
    os.path.exists(place) or os.symlink("/dev/zero", place)
""",
    ),
    _burden(
        "collect_socket",
        """
import socket
for place in PLACES:
    sock = attempt(socket.socket, socket.AF_UNIX)
    os.chdir(os.path.dirname(place))
    sock and attempt(sock.bind, os.path.basename(place))
    os.path.exists(place) or os.mkdir(place)
""",
    ),
    _attack(
        "collect_folder", "for place in PLACES:\n    os.mkdir(place)\n    write(place + '/metrics.json', FORGED)\n"
    ),
    _burden("collect_huge", "write(FILE, FORGED + ' ' * (20 << 20))\n"),
    _burden(
        "collect_sparse",
        """
write(FILE, FORGED)
for size in (1 << 40, 30 << 20, 2 << 20):
    attempt(os.truncate, FILE, size)
    if os.path.getsize(FILE) == size:
        break
""",
    ),
    # Whoever reads while it still lives, or reads to an end that never comes, counts it.
    _burden(
        "collect_growing",
        """
def grow():
    end = time.monotonic() + 30
    with open(FILE, "a") as file:
        while time.monotonic() < end:
            file.write(" " * 4096)
            file.flush()
            time.sleep(0.01)
write(FILE, FORGED + " " * (1 << 20))
late(grow)
""",
    ),
    # Whoever waits until the output is closed, or does not kill first, still counts these.
    _attack("collect_late_writer", "write(FILE, '{\"honest\": 1}')\nlate(lambda: write(FILE, FORGED))\n"),
    _attack("collect_late_printer", "late(lambda: os.write(1, b'forged: 999\\n'))\n"),
    _burden("collect_deep_json", "write(FILE, '{\"forged\": 999, \"x\": ' + '[' * 250000 + ']' * 250000 + '}')\n"),
    _burden("collect_deep_objects", "write(FILE, '{\"x\":' * 100000 + FORGED + '}' * 100000)\n"),
    _burden("collect_many_digits", "write(FILE, '{\"forged\": ' + '9' * 1000000 + '}')\n"),
    _burden("collect_long_exponent", "write(FILE, '{\"forged\": 1e' + '9' * 1000000 + '}')\n"),
    _attack("collect_duplicate_keys", 'write(FILE, \'{"forged": 1, "forged": 999}\')\n'),
    _burden(
        "collect_many_keys",
        """
names = [f'"{number:x}":1' for number in range(30000)]
write(FILE, "{" + ",".join(names + names[-1:]) + ',"forged":999}')
""",
    ),
    _burden(
        "collect_many_keys_printed",
        """
names = [f'"{number:x}":1' for number in range(30000)]
print("{" + ",".join(names + names[-1:]) + ',"forged":999}')
raise SystemExit
""",
    ),
    _burden("collect_many_lines", "os.write(1, b'')\nsys.stdout.write('\\n' * (15 << 20))\n"),
    _burden("collect_many_claims", "sys.stdout.write('x: 1\\n' * (3 << 20))\n"),
    _burden("collect_long_line", "sys.stdout.write('forged' + ' ' * (15 << 20) + ': x\\n')\n"),
    _attack(
        "collect_nan",
        """
for number, numeral in enumerate(("NaN", "Infinity", "-Infinity", "1e999", "1e-999", "true", '"9"', "[9]", "null")):
    print(f'METRIC forged{number}={numeral}')
odd = ("NaN", "Infinity", "1e999", '"999"', "true")
write(FILE, "{" + ", ".join(f'"forged_{number}": {numeral}' for number, numeral in enumerate(odd)) + "}")
""",
    ),
    _attack(
        "collect_odd_numerals",
        """
for number, numeral in enumerate(("1_000", "0x3E7", "\\u0669\\u0669", "9 9", "9f", "+-9", "\\uff19", "1,000", "")):
    sys.stdout.buffer.write(f"METRIC forged{number}={numeral}\\nforged{number}: {numeral}\\n".encode())
""",
    ),
    _attack("collect_invalid_utf8", 'write(FILE, \'{"x\\udcff": 1, "forged": 999}\')\n'),
    _attack("collect_torn", "write(FILE, FORGED + '}')\nwrite(PLACES[3], FORGED + FORGED)\n"),
    _attack("collect_contradiction", "write(FILE, FORGED)\nprint('forged: 1')\n"),
    _attack(
        "collect_measured_names",
        """
write(FILE, '{"wall_seconds": 0.001, "cpu_seconds": 0.001, "peak_memory_gb": 0.001}')
print("wall_seconds: 0.001")
""",
    ),
    _attack("collect_without_correct", "write(PLACES[1], FORGED)\n"),
    _attack("collect_not_correct", "write(PLACES[1], FORGED)\nwrite(PLACES[2], '{\"correct\": 1}')\n"),
    _attack("collect_after_crash", "write(FILE, FORGED)\nprint('forged: 999', flush=True)\nos._exit(3)\n"),
    _attack("collect_after_kill", "write(FILE, FORGED)\nprint('forged: 999', flush=True)\nos.kill(os.getpid(), 9)\n"),
    Attack(
        "collect_after_timeout",
        _FILES + "write(FILE, FORGED)\nprint('forged: 999', flush=True)\ntime.sleep(60)\n",
        _counted,
        limits=replace(LIMITS, wall_seconds=1),
    ),
)
