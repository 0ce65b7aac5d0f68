"""The jail of a target: the program that executes the target's own text, away from evaluator and data."""

from . import texts
from .standin import MESSAGE_BYTES


def argv(python: str, link: str, target: str, *, message_bytes: int = MESSAGE_BYTES) -> tuple[str, ...]:
    """Return the command that serves the target to its stand-ins until it is killed.

    Args:
        python: Interpreter, 3.8 or newer.
        link: Absolute path of the link's folder, where the jail sees it; `calls` in it is a named pipe.
        target: Absolute path of the target, where the jail sees it; its folder is put on the import path.
        message_bytes: The most that one message may have; the same as the stand-in's.
    """
    source = texts.bundle("arrays", "carry", "frames", "callee", "keeper")
    start = f"{source}import sys\n__referee__.main(sys.argv[1], sys.argv[2], {message_bytes})\n"
    # Unbuffered: what the target printed is to be in the log when it is killed at the evaluator's end.
    # Words of their own: where the project is a copy at another path, paths are rewritten word by word.
    return (python, "-B", "-u", "-c", start, link, target)
