"""A crash whose output complains of a limit says which one it may have been."""

from pathlib import Path

import pytest
from referee.sandbox import reasons
from referee.sandbox.spec import Limits


@pytest.mark.parametrize(
    ("said", "key", "value"),
    [
        ("OSError: [Errno 24] Too many open files: 'x'", "open_files", 16),
        ("BlockingIOError: [Errno 11] Resource temporarily unavailable", "processes", 40),
        ("RuntimeError: can't start new thread", "processes", 40),
        ("MemoryError", "memory", "80%"),
        ("OSError: [Errno 12] Cannot allocate memory", "memory", "80%"),
        ("OSError: [Errno 28] No space left on device", "disk", "20.00 GB"),
        ("OSError: [Errno 27] File too large", "disk", "20.00 GB"),
    ],
)
def test_a_complaint_at_the_end_of_the_output_names_the_likely_key(
    tmp_path: Path, said: str, key: str, value: str
) -> None:
    log = tmp_path / "log"
    log.write_text(f"Traceback\n{said}\n\n", encoding="utf-8")
    reason = reasons.failed(Limits(1.0, open_files=16, processes=40), 1, str(log))
    assert reason.startswith("the command ended with exit code 1; ")
    assert reason.endswith(f"sandbox.{key} in program.md is {value}")


@pytest.mark.parametrize("said", ["MemoryError\n" + "more\n" * 5, "torch.OutOfMemoryError: CUDA", ""])
def test_what_no_limit_of_ours_can_have_caused_is_not_explained(tmp_path: Path, said: str) -> None:
    log = tmp_path / "log"
    log.write_text(said, encoding="utf-8")
    assert reasons.failed(Limits(1.0), 2, str(log)) == "the command ended with exit code 2"
