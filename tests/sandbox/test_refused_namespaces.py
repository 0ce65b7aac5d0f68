"""Where namespaces are refused: Landlock holds, says why it is used, and no contract gets less than it asks for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from . import ordinary_user
from .conftest import unavailable

_HERE = Path(__file__).parent
_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib --strict-markers")
_SECONDS = 560
WAYS = {"switched-off": False, "filtered": False, "filtered-as-root": True}
pytestmark = [
    pytest.mark.endurance,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(unavailable("landlock-copy")), reason=f"no Landlock: {unavailable('landlock-copy')}"),
]


def _run(ground: Path, way: str, *words: str) -> str:
    """Run tests where namespaces are refused; return what pytest said, or fail with it."""
    as_root = WAYS[way]
    inside = [str(_HERE / "refusing.py"), way.removesuffix("-as-root"), sys.executable, "-B", *_PYTEST, *words]
    if as_root or os.geteuid() != 0:
        done = subprocess.run(
            [sys.executable, "-B", *inside], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    else:
        done = ordinary_user.run(ground, *inside, seconds=_SECONDS)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def _passed(said: str) -> int:
    found = re.search(r"(\d+) passed", said)
    return int(found[1]) if found else 0


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """An environment without namespaces that can be made here."""
    name = str(request.param)
    if reason := _missing(as_root=WAYS[name]):
        pytest.skip(reason)
    return name


def _missing(*, as_root: bool) -> str:
    """Say why it cannot be made here; an empty text if it can. An ordinary user needs to become nobody else."""
    if os.geteuid() != 0:
        return "only root can do it as root" if as_root else ""
    return "" if as_root else ordinary_user.missing()


def test_landlock_is_chosen_and_more_is_refused_with_the_way_out(ground: Path, way: str) -> None:
    assert _passed(_run(ground, way, str(_HERE / "refused_inside.py"))) >= 7


@pytest.mark.parametrize(("file", "least"), [("test_containment.py", 20), ("test_death.py", 9)])
def test_confinement_holds_all_the_same(ground: Path, way: str, file: str, least: int) -> None:
    """A skipped test is no promise kept: that many have passed in the one confining backend that is left."""
    assert _passed(_run(ground, way, str(_HERE / file), "-k", "landlock-copy")) >= least
