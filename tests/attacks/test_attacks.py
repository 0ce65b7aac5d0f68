"""Every attack in every backend ends as the table says, in either direction: a hole, and a hole that has gone.

Root runs them once more as an ordinary user.
"""

import tempfile
from pathlib import Path

import pytest
from referee.sandbox import scratch

from tests.attacks import table
from tests.attacks.arena import BACKENDS, Attack, configuration
from tests.attacks.stage import Stage
from tests.sandbox import ordinary_user
from tests.sandbox.conftest import unavailable

pytestmark = pytest.mark.attack

_EXPECTED = table.read()
_CASES = [pytest.param(attack, key, id=f"{attack.name}-{key}") for attack, key in table.cases()]


@pytest.mark.parametrize(("attack", "key"), _CASES)
def test_an_attack_ends_as_the_table_says(attack: Attack, key: str, on: Stage) -> None:
    if reason := unavailable(key):
        pytest.skip(reason)
    expected = _EXPECTED.get(attack.name, {}).get(configuration(key), "nothing")
    seen, account = table.outcome(attack, key, on)
    assert expected in {seen, table.EITHER}, (
        f"{attack.name} in {configuration(key)}: {seen}, expected {expected}. {account}"
    )


@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(ordinary_user.missing()), reason=ordinary_user.missing())
@pytest.mark.parametrize("key", BACKENDS)
def test_an_ordinary_user_meets_the_same_attacks(key: str) -> None:
    ground = tempfile.mkdtemp(prefix="referee-test-")
    here = Path(__file__).parent
    try:
        words = (str(here / "test_attacks.py"), str(here / "test_near_misses.py"), "-k", f"{key}]", "--tb=short")
        ordinary_user.run_tests(Path(ground), *words, seconds=880)
    finally:
        scratch.remove(ground)


def test_the_table_has_one_row_for_every_attack_and_no_other() -> None:
    names = [attack.name for group in table.by_module().values() for attack in group]
    assert sorted(names) == sorted(set(names))
    assert sorted(_EXPECTED) == sorted(names)


def test_a_hole_in_what_confines_is_known_with_its_reason() -> None:
    holes = [
        (name, at)
        for name, row in _EXPECTED.items()
        for at, cell in row.items()
        if cell == table.THROUGH and not at.startswith("none") and not table.attacks()[name].known
    ]
    assert holes == []


def test_an_attack_is_left_out_or_left_open_only_where_nothing_confines() -> None:
    left = {at for row in _EXPECTED.values() for at, cell in row.items() if cell in {table.NOT_RUN, table.EITHER}}
    assert left <= {"none-root", "none-user"}
