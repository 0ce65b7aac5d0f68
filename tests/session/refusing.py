"""What cannot carry a session is refused before anything is written."""

from pathlib import Path
from typing import Any

import pytest
from referee.sandbox.errors import RefereeError

from tests.projects import everything


def refusal(opened: Any, folder: Path, tag: str | None = "mar8") -> str:
    """Why no session can be opened; the project must be as it was before."""
    top = next(place for place in (folder, *folder.parents) if place.is_dir())
    before = everything(top)
    with pytest.raises(RefereeError) as fault, opened(folder, tag):
        pytest.fail("the session was opened")
    assert everything(top) == before
    return str(fault.value)
