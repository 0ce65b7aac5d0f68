"""Faults of the machine, in words with the way out; and those that nobody foresaw: their traceback goes to a file."""

import errno
import os
import tempfile
import traceback

_WAYS_OUT = {
    errno.ENOSPC: "Free some space, then try again.",
    errno.EDQUOT: "Free some of your quota, then try again.",
    errno.EROFS: "Make the disk writable again (after an error it mounts itself read-only), then try again.",
    errno.EIO: "Its disk or network share does not answer; look at the system's log, then try again.",
    errno.EMFILE: "Raise the server's limit (`ulimit -n`, `prlimit --nofile`), then try again.",
    errno.ENFILE: "The machine has too many files open; close some, then try again.",
    errno.EAGAIN: "Too many processes run (`ulimit -u`); end some, then try again.",
    errno.ENOMEM: "Free some memory, then try again.",
}


def note_unexpected(fault: BaseException) -> str:
    """Say what the machine refused and the way out; else write the traceback to a private file and name that."""
    fault = _unwrapped(fault)
    refused = fault.__cause__ or fault  # an import that cannot open its file is an ImportError
    if isinstance(refused, OSError) and (way_out := _WAYS_OUT.get(refused.errno or 0)):
        where = f"{refused.filename}: " if refused.filename else ""
        return f"{where}{refused.strerror}. {way_out}"
    try:
        return f"an unexpected fault ({type(fault).__name__}); the details are in {_noted(fault)}. Please report them."
    except OSError as other:
        at = traceback.extract_tb(fault.__traceback__)[-1:]
        where = "".join(f" at {os.path.basename(frame.filename)}, line {frame.lineno}" for frame in at)
        return f"an unexpected fault ({type(fault).__name__}: {fault}){where}; no details kept ({other.strerror})."


def _unwrapped(fault: BaseException) -> BaseException:
    """A group of tasks wraps the one fault it met; a group of several stays as it is."""
    grouped = issubclass(type(fault), BaseExceptionGroup)
    met: tuple[BaseException, ...] = getattr(fault, "exceptions", ()) if grouped else ()
    return _unwrapped(met[0]) if len(met) == 1 else fault


def _noted(fault: BaseException) -> str:
    descriptor, path = tempfile.mkstemp(prefix="referee-fault-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        traceback.print_exception(fault, file=file)
    return path
