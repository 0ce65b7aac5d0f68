"""Root runs all of this folder once more as an ordinary user, who has other ways and other dangers."""

from pathlib import Path

import pytest

from . import ordinary_user

_FILES = (
    "test_conformance.py",
    "test_containment.py",
    "test_death.py",
    "test_choice.py",
    "test_probe.py",
    "test_limit_probes.py",
)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(bool(ordinary_user.missing()), reason=ordinary_user.missing())
@pytest.mark.parametrize("file", _FILES)
def test_an_ordinary_user_gets_the_same_promises(ground: Path, file: str) -> None:
    ordinary_user.run_tests(ground, str(Path(__file__).parent / file), seconds=580)
