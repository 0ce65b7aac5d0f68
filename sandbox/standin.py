"""The stand-in of a target: a trusted text of the same name that an evaluator loads, imports or runs in its place.

Guarantee: nothing of the target is executed where this text is; data alone pass between it and the jail
(`sandbox.jail`), over named pipes in the folder of the link. See `caller` for what is accepted of the jail's answers.
"""

from . import texts

MESSAGE_BYTES = 256 * 1024 * 1024
START_SECONDS = 30.0


def text(
    target_name: str,
    link: str,
    *,
    message_bytes: int = MESSAGE_BYTES,
    call_seconds: float | None = None,
    start_seconds: float = START_SECONDS,
) -> str:
    """Return the text that stands in for a target; it needs Python 3.8 or newer.

    Args:
        target_name: Name of the target's file, for people who read the text.
        link: Absolute path of the link's folder, where the evaluator sees it.
        message_bytes: The most that one message may have, either way.
        call_seconds: The most that one load or call may take; None for no bound but the trial's.
        start_seconds: The most that it may take until the jail answers for the first time.
    """
    told = (link, message_bytes, call_seconds, start_seconds)
    runtime = texts.bundle("arrays", "carry", "frames", "connect", "caller", "forward", "surface")
    return (
        f"# Stands in for {target_name!a}, which runs in a process of its own; data alone pass between the two.\n"
        f"{runtime}__referee__.stand_in(locals(), __referee__.Told(*{told!r}), (lambda: 0).__code__.co_filename)\n"
    )
