"""What runs besides a pinned program or environment: its shared libraries, and for a Python its standard library.

For a Python these are: the environment it belongs to, the standard library of that version, the site-packages that it
really uses (those of the base only where there is no environment, or one that asks for them), and the places that
would come before all of these if they appeared: `pyvenv.cfg` beside the program, the zipped library. A folder with a
`pyvenv.cfg` brings the same along. To these and to any program belong the libraries that the dynamic linker loads for
the program and for the standard library's extension modules (see `libraries`). Bytecode lies among the sources and
counts like any file. Where a file lies in a system folder makes no difference: what root or a package manager writes
during a session is a change like any other.
Edge: nothing is executed to find out. A path that only a `.pth` file names, a library that only an extension module in
site-packages needs, and what a shell script starts are not followed: in a trial they exist only as inputs, which are
pinned, or in system folders, which only root can write.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from .libraries import libraries
from .trees import Place

_SITE = frozenset({"site-packages", "dist-packages"})
_CONFIG_BYTES = 100_000
_ANY = "3.*"
_LOCAL = "local/lib/python"
_PRELOADED = "/etc/ld.so.preload"


def closure(path: str) -> tuple[Place, ...]:
    """The places that belong to a pinned path besides itself; empty for data."""
    found = _python(Path(path))
    modules = (module for place in found for module in sorted(Path(place.path).glob("lib-dynload/*.so")))
    linked = libraries([os.path.realpath(path), *(place.path for place in found), *map(str, modules)])
    preloaded = [_PRELOADED] if linked else []
    return tuple(dict.fromkeys((*found, *(Place(one) for one in (*linked, *preloaded)))))


def _python(given: Path) -> list[Place]:
    if (given / "pyvenv.cfg").is_file():
        program = Path(os.path.realpath(given / "bin" / "python"))
        return [Place(str(program)), *_behind(given, _version(program))]
    program = Path(os.path.realpath(given))
    if given.is_dir() or not is_python(program):
        return []
    version = _version(program)
    environment = given.parent.parent
    found = [Place(str(program)), Place(str(given.parent / "pyvenv.cfg"))]
    if (environment / "pyvenv.cfg").is_file():
        found += [Place(str(environment)), *_behind(environment, version)]
    else:
        found += [Place(str(environment / "pyvenv.cfg")), *_library(program.parent.parent, version, site=True)]
        found += _library(environment, version, site=True)
    return found


def is_python(program: Path) -> bool:
    """Whether a program, behind all links, is called like a Python."""
    return program.name.startswith(("python", "pypy"))


def settings(config: Path) -> dict[str, str]:
    """The lines of a `pyvenv.cfg`; empty if there is none."""
    if not config.is_file():
        return {}
    with config.open(encoding="utf-8", errors="replace") as file:
        pairs = (line.partition("=") for line in file.read(_CONFIG_BYTES).splitlines())
        return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _behind(environment: Path, version: str) -> Iterator[Place]:
    said = settings(environment / "pyvenv.cfg")
    if said.get("home", "").startswith("/"):
        site = said.get("include-system-site-packages", "").lower() == "true"
        yield from _library(Path(os.path.normpath(said["home"])).parent, version, site=site)


def _version(program: Path) -> str:
    """`3.12` as the program's last name says; a pattern for all of them if it does not."""
    found = re.search(r"3\.\d+", program.name)
    return found[0] if found else _ANY


def _library(prefix: Path, version: str, *, site: bool) -> Iterator[Place]:
    folders = ["lib"] if (prefix / "lib64").is_symlink() else ["lib", "lib64"]
    standard = [one for lib in folders for name in ("python", "pypy") for one in prefix.glob(f"{lib}/{name}{version}")]
    yield from (Place(str(one), frozenset() if site else _SITE) for one in sorted(standard))
    if site:
        yield from (Place(str(one)) for one in sorted([*prefix.glob("lib/python3"), *prefix.glob(_LOCAL + version)]))
    for lib in (*folders, "lib/*-linux-*"):
        yield from (Place(str(one)) for one in sorted(prefix.glob(f"{lib}/libpython{version.rstrip('*')}*.so*")))
    if version != _ANY:
        yield Place(str(prefix / "lib" / f"python{version.replace('.', '')}.zip"))
