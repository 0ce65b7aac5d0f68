"""The ways to confine a trial, strongest first, as one literal table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import bubblewrap, landlock, unconfined
from .scratch import Folder
from .spec import Level, TrialSpec
from .world import World


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to confine a trial.

    Attributes:
        name: As it stands in a measurement.
        level: What it reaches.
        missing: Says what the machine lacks for it at first sight; an empty text if nothing.
        build: Builds the world of one trial; raises SandboxError or OSError.
        lost: What this variant lacks against a better one of the same name.
        enters: Whether the trial uses its folder at the folder's own path.
        drops_user: Whether the trial becomes a private user when root runs it.
    """

    name: str
    level: Level
    missing: Callable[[], str]
    build: Callable[[TrialSpec, Folder], World]
    lost: str = ""
    drops_user: bool = True
    enters: bool = True


BACKENDS: Mapping[str, Backend] = {
    "bubblewrap": Backend("bubblewrap", Level.ISOLATED, bubblewrap.missing, bubblewrap.build, enters=False),
    "bubblewrap-in-container": Backend(
        "bubblewrap",
        Level.ISOLATED,
        bubblewrap.missing,
        bubblewrap.build_in_container,
        lost="user namespaces inside the trial are refused by the system call filter alone",
        enters=False,
    ),
    "landlock": Backend("landlock", Level.LIMITED, landlock.missing, landlock.build_mounted),
    "landlock-copy": Backend(
        "landlock",
        Level.LIMITED,
        landlock.missing,
        landlock.build_copy,
        lost="the project cannot be mounted at its own path: a trial works in a copy, at another path",
    ),
    "none": Backend("none", Level.NONE, unconfined.missing, unconfined.build, drops_user=False),
}
