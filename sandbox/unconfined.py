"""The backend of last resort: nothing is confined; time, output and survivors are still dealt with.

Used only where a contract asks for `minimum: none` and nothing better works. The trial can read and write
whatever its user can, the network included; what it changes in its copy of the project is found.
"""

from . import caches, copies
from .scratch import Folder
from .spec import TrialSpec
from .world import World, environment, inside


def missing() -> str:
    """Nothing is needed."""
    return ""


def build(spec: TrialSpec, folder: Folder) -> World:
    """Build a world that is no more than a copy of the project."""
    project = copies.make(spec, folder)
    own_caches = caches.copy(spec, folder, project.path)
    there = copies.moved(spec, project)
    return World(
        argv=there.argv,
        env=environment(spec, copies.places(spec, folder)),
        keep=(),
        enter=inside(there.cwd),
        place=lambda order: project.place(order, folder),
        touched=project.touched,
        written=project.written(folder),
        caches=own_caches.left,
        left=project.path,
    )
