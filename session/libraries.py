"""The shared libraries that the dynamic linker loads for a program, found without executing it.

Read from the ELF file as the System V ABI and ld.so(8) say: DT_NEEDED, in DT_RPATH and DT_RUNPATH first, then in the
folders of `/etc/ld.so.conf` and the usual ones; of those libraries likewise.
Edge: 64-bit little-endian files only, others have none. What a program loads by name while it runs, and the variants
for newer processors (`glibc-hwcaps`), are not found; a file that is no sound ELF has no libraries.
"""

import glob
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

_MAGIC = b"\x7fELF\x02\x01"
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NEEDED, _STRINGS, _PATHS = 1, 5, (15, 29)
_CONFIG = "/etc/ld.so.conf"
_USUAL = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")


def libraries(programs: Iterable[str]) -> list[str]:
    """The linker and every library of these programs and of each other, by the path at which the linker finds them."""
    usual = [*_configured(_CONFIG), *_USUAL]
    found: dict[str, None] = {}
    waiting = list(programs)
    while waiting:
        for path in _of(waiting.pop(), usual):
            if path not in found:
                found[path] = None
                waiting.append(path)
    return sorted(found)


def _of(path: str, usual: list[str]) -> list[str]:
    if not os.path.isfile(path):
        return []
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
            sound = data[: len(_MAGIC)] == _MAGIC
            return list(_found(data, os.path.dirname(os.path.realpath(path)), usual)) if sound else []
    except (OSError, struct.error, ValueError):
        return []


def _found(data: mmap.mmap, origin: str, usual: list[str]) -> Iterator[str]:
    segments = list(_segments(data))
    for kind, offset, _, size in segments:
        if kind == _INTERPRETER:
            yield os.fsdecode(data[offset : offset + size].rstrip(b"\0"))
    entries = [one for kind, at, _, size in segments if kind == _DYNAMIC for one in _entries(data, at, size)]
    strings = next((_offset(segments, value) for tag, value in entries if tag == _STRINGS), 0)
    named = [(tag, _text(data, strings + value)) for tag, value in entries if tag in {_NEEDED, *_PATHS}]
    own = [part for tag, text in named if tag in _PATHS for part in text.split(":")]
    folders = [part.replace("${ORIGIN}", origin).replace("$ORIGIN", origin) for part in own] + usual
    for name in (text for tag, text in named if tag == _NEEDED):
        places = (os.path.normpath(os.path.join(folder, name)) for folder in folders)
        yield from [place for place in places if os.path.isfile(place)][:1]


def _segments(data: mmap.mmap) -> Iterator[tuple[int, int, int, int]]:
    """Kind, offset in the file, address and size in the file of each."""
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, start + number * size)
        yield kind, offset, address, length


def _entries(data: mmap.mmap, offset: int, size: int) -> list[tuple[int, int]]:
    return [struct.unpack_from("<qQ", data, at) for at in range(offset, offset + size, 16)]


def _offset(segments: list[tuple[int, int, int, int]], address: int) -> int:
    loaded = ((at, address - start, size) for kind, at, start, size in segments if kind == _LOAD)
    return next((at + inside for at, inside, size in loaded if 0 <= inside < size), 0)


def _text(data: mmap.mmap, offset: int) -> str:
    return os.fsdecode(data[offset : data.find(b"\0", offset)])


def _configured(config: str, *, includes: bool = True) -> Iterator[str]:
    try:
        lines = Path(config).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in (line.partition("#")[0].strip() for line in lines):
        if line.startswith("include ") and includes:
            for one in sorted(glob.glob(line.removeprefix("include ").strip())):
                yield from _configured(one, includes=False)
        elif line.startswith("/"):
            yield line
