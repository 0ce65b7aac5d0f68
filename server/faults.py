"""Faults that nobody foresaw: the traceback goes to a file, the person gets its name."""

import os
import tempfile
import traceback


def note_unexpected(fault: BaseException) -> str:
    """Write the traceback to a private file and return a sentence that names it."""
    descriptor, path = tempfile.mkstemp(prefix="referee-fault-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        traceback.print_exception(fault, file=file)
    return f"an unexpected fault ({type(fault).__name__}); the details are in {path}. Please report them."
