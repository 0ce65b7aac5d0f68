"""A Python of a test's own, that other processes may tamper with: interpreter, standard library, an environment."""

import os
import py_compile
import shutil
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

from referee.session.trees import SLACK

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_NEEDLESS = shutil.ignore_patterns(
    "site-packages", "dist-packages", "test", "tests", "idlelib", "ensurepip", "tkinter", "lib2to3", "config-*",
    "turtledemo", "pydoc_data", "unittest", "distutils", "asyncio", "multiprocessing", "xml", "sqlite3", "__pycache__",
)  # fmt: skip
_FLIP = """
import os, sys
place = sys.argv[1]
facts = os.stat(place)
os.chmod(place, 0o755)
with open(place, "r+b") as file:
    byte = file.read(1)[0]
    file.seek(0)
    file.write(bytes([byte ^ 1]))
os.chmod(place, facts.st_mode & 0o7777)
if sys.argv[2:]:
    os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))
"""


@dataclass(frozen=True)
class Python:
    """A copied interpreter in a prefix of its own, and an environment that stands on it."""

    prefix: Path
    environment: Path

    @property
    def program(self) -> Path:
        """The environment's own name for the interpreter."""
        return self.environment / "bin" / "python"

    @property
    def interpreter(self) -> Path:
        """The copied program."""
        return self.prefix / "bin" / VERSION

    @property
    def library(self) -> Path:
        """Its standard library."""
        return self.prefix / "lib" / VERSION

    @property
    def packages(self) -> Path:
        """The environment's own packages, with `helper.py`."""
        return self.environment / "lib" / VERSION / "site-packages"

    @property
    def bytecode(self) -> Path:
        """What Python executes in place of the helper's source."""
        return self.packages / "__pycache__" / f"helper.{sys.implementation.cache_tag}.pyc"


def copied(folder: Path) -> Python:
    """Make a Python below a folder; `LD_LIBRARY_PATH` must lead to its `lib` where its libraries are shared."""
    python = Python(folder / "python", folder / "environment")
    (python.prefix / "bin").mkdir(parents=True)
    shutil.copy(os.path.realpath(sys.executable), python.interpreter)
    shutil.copytree(sysconfig.get_path("stdlib"), python.library, ignore=_NEEDLESS, symlinks=True)
    for library in Path(sysconfig.get_config_var("LIBDIR")).glob("libpython3*.so*"):
        shutil.copy(library, python.prefix / "lib", follow_symlinks=False)
    (python.environment / "bin").mkdir(parents=True)
    python.program.symlink_to(python.interpreter)
    config = f"home = {python.prefix}/bin\ninclude-system-site-packages = false\n"
    (python.environment / "pyvenv.cfg").write_text(config, encoding="utf-8")
    python.packages.mkdir(parents=True)
    (python.packages / "helper.py").write_text("def loss(text): return float(text)\n", encoding="utf-8")
    py_compile.compile(str(python.packages / "helper.py"), str(python.bytecode), doraise=True)
    return python


def flip(place: Path, *, put_back: bool = False) -> None:
    """Let another process of this user change one byte, and with `put_back` also put back the time of the change."""
    subprocess.run([sys.executable, "-c", _FLIP, str(place), *(["back"] if put_back else [])], check=True)


def wait_until_settled(folder: Path) -> None:
    """Wait until everything below a folder is old enough for its identity to be believed."""
    places = [folder, *folder.rglob("*")]
    youngest = max(max(facts.st_mtime_ns, facts.st_ctime_ns) for facts in (os.lstat(place) for place in places))
    while time.time_ns() <= youngest + SLACK:
        time.sleep(0.01)
