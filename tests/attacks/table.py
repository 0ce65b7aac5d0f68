"""All attacks, and the table of how each must end in each configuration: `expected.tsv`, one row per attack."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tests.attacks.arena import BACKENDS, CONFIGURATIONS, Attack, arena, configuration
from tests.attacks.stage import Stage

_AROUND = ("files", "metadata", "processes", "siblings", "reading", "identity")
_RESOURCES = ("resources", "resources_memory", "resources_disk")
MODULES = (*_AROUND, "network", "surface", "privileges", "leftovers", "survivors", *_RESOURCES, "collection")
STOPPED, THROUGH, NOT_RUN, UNKNOWN = "stopped", "through", "not run", "unknown"
# A race between the attack and what looks on, where nothing confines.
EITHER = "either"
_FILE = Path(__file__).parent / "expected.tsv"

_GROUP = "bounded by a control group alone; where none may be made, check says so"
_FLIGHT = "a file that is on its way through a socket stands in no list of the kernel"
KNOWN = {
    "disk_in_flight": _FLIGHT,
    "memfd_in_flight": f"{_GROUP}: {_FLIGHT}",
    "memfd_mapped_by_its_end": f"{_GROUP}: only root may ask how large a mapped file without a name is",
    "shared_memory_let_go": f"{_GROUP}: only root may ask how large a mapped file without a name is",
    "page_tables": _GROUP,
    "socket_buffers": _GROUP,
    "cpu_ignored_children": f"{_GROUP}: the time of a child that nobody waits for is handed to nobody",
    "inode_bomb_devshm": "without mounts a trial of root has the machine's /dev/shm, and leaves nothing in it",
}

Table = dict[str, dict[str, str]]


def by_module() -> Mapping[str, tuple[Attack, ...]]:
    """Return the attacks of each module that exists, in the order of `MODULES`."""
    there = [name for name in MODULES if find_spec(f"tests.attacks.{name}")]
    return {name: import_module(f"tests.attacks.{name}").ATTACKS for name in there}


def attacks() -> dict[str, Attack]:
    """Return every attack by its name; what is `KNOWN` of it counts as known."""
    every = [attack for group in by_module().values() for attack in group]
    return {attack.name: replace(attack, known=KNOWN.get(attack.name, attack.known)) for attack in every}


def read() -> Table:
    """Return what is expected: by attack, then by configuration."""
    if not _FILE.exists():
        return {}
    lines = [line.split("\t") for line in _FILE.read_text(encoding="ascii").splitlines()]
    return {line[0]: dict(zip(lines[0][1:], line[1:], strict=True)) for line in lines[1:]}


def write(table: Table) -> None:
    """Write the table, attacks in their modules' order; rows of attacks that are gone are left out."""
    rows = ["\t".join(["attack", *CONFIGURATIONS])]
    rows += ["\t".join([name, *(table[name][at] for at in CONFIGURATIONS)]) for name in attacks() if name in table]
    _FILE.write_text("\n".join(rows) + "\n", encoding="ascii")


def merged(old: Table, new: Table) -> tuple[Table, list[str]]:
    """Return the old table with what was seen now, and what would have weakened it, which is left as it was.

    A cell that says an attack is stopped where something confines is a promise: only a person takes it back.
    """
    table: Table = {}
    weaker: list[str] = []
    for name in old.keys() | new.keys():
        row = dict.fromkeys(CONFIGURATIONS, UNKNOWN) | old.get(name, {})
        for at, cell in new.get(name, {}).items():
            if name in old and row[at] == STOPPED and cell == THROUGH and not at.startswith("none"):
                weaker.append(f"{name} in {at}")
            elif row[at] != EITHER:
                row[at] = cell
        table[name] = row
    return table, sorted(weaker)


def outcome(attack: Attack, key: str, on: Stage) -> tuple[str, str]:
    """Run an attack in a backend as the present user; return its cell, and what the trial had to say."""
    if configuration(key) in attack.unsafe_in:
        return NOT_RUN, ""
    with arena(attack, key, on) as made:
        made.fight()
        return THROUGH if made.verdict() else STOPPED, f"{made.fault or made.run}\n{made.lab.said()[-2000:]}"


def cases() -> Iterator[tuple[Attack, str]]:
    """Return every attack with every backend."""
    for attack in attacks().values():
        for key in BACKENDS:
            yield attack, key
