"""One stage for all attacks of a test process."""

from collections.abc import Iterator

import pytest

from tests.attacks.stage import Stage, stage


@pytest.fixture(scope="session")
def on() -> Iterator[Stage]:
    """The supervisor that runs the attacks' trials, started in a home with secrets."""
    with stage() as made:
        yield made
