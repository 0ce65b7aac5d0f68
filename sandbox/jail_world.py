"""The second world of a trial whose command calls the target instead of running it: built beside the first one.

Guarantee: the target's text lies in the second world alone, which holds none of the command's files; in the first one
a stand-in lies in its place. Between the two there is a folder of pipes that the second one can open and not change.
"""

import os
from dataclasses import replace

from . import jail as jail_program
from . import standin
from .scratch import Folder
from .spec import Jail, TrialSpec
from .world import World

_LINK, _CALLS = "link", "calls"
REFUSED = f"{_LINK}/refused"


def open_link(folder: Folder) -> str:
    """Make the folder of pipes in the folder of the first world, and return where it is."""
    link = folder.part("out", _LINK)
    os.mkdir(link)
    folder.give(link, 0o777)
    calls = os.path.join(link, _CALLS)
    os.mkfifo(calls)
    os.chmod(calls, 0o666)  # noqa: S103 - the two worlds may be two users
    return link


def specification(spec: TrialSpec, jail: Jail, link: str) -> TrialSpec:
    """Return the second world as a trial of its own."""
    return replace(
        spec,
        snapshot=jail.snapshot,
        argv=jail_program.argv(jail.python, link, os.path.join(spec.root, spec.target)),
        env=jail.env,
        readable=jail.readable,
        private="",
        secrets=(),
        network=False,
        score=None,
        jail=None,
        link=link,
    )


def with_standin(spec: TrialSpec, world: World) -> TrialSpec:
    """Return the first world's trial with the stand-in for a draft."""
    link = os.path.join(os.path.dirname(world.env["REFEREE_RESULTS"]), _LINK)
    return replace(spec, target_text=standin.text(os.path.basename(spec.target), link))
