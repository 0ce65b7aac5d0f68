"""Where things lie: the checkout, its git directories, and the folder of state outside both.

Found by reading files alone. No git command runs here, so nothing in the person's configuration can.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from .errors import RepositoryError

PROGRAM = "program.md"
# Folders of the frozen files in a session's state.
SNAPSHOT, PRIVATE, EXPOSED = "snapshot", "private", "exposed"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A working tree and the git directories behind it.

    Attributes:
        root: Top of the working tree.
        git_dir: Git directory of this worktree (holds its HEAD).
        common_dir: Git directory that all worktrees share (holds objects and refs).
        project: Folder of `program.md`, `root` or below it.
    """

    root: Path
    git_dir: Path
    common_dir: Path
    project: Path

    @property
    def prefix(self) -> str:
        """The project folder relative to the root, "" or ending in a slash."""
        relative = self.project.relative_to(self.root).as_posix()
        return "" if relative == "." else f"{relative}/"

    def state_home(self) -> Path:
        """The folder that holds the state of every session of this repository."""
        digest = hashlib.sha256(os.fsencode(self.common_dir)).hexdigest()[:10]
        return state_root() / f"{self.root.name}-{digest}"

    def pointers(self) -> Path:
        """The folder in the git directory that says where each session's state lies.

        Not `referee/`: git would take a file `referee/<tag>` there for a broken ref whenever a person names the branch.
        """
        return self.common_dir / "referee-sessions"


def state_root() -> Path:
    """`$REFEREE_STATE_DIR`, else `$XDG_STATE_HOME/referee`, else `~/.local/state/referee`."""
    if chosen := os.environ.get("REFEREE_STATE_DIR"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base).absolute() / "referee"


def probes() -> Path:
    """The file that keeps what was found about this machine's limits, see `sandbox.remembered`."""
    return state_root() / "probes.json"


def find_checkout(folder: Path) -> Checkout:
    """The working tree around `folder`, which is taken as the project.

    Raises:
        RepositoryError: If there is no git working tree here, or only a bare repository.
    """
    project = folder.resolve()
    if not project.is_dir():
        raise RepositoryError(f"{folder}: not a folder. Give the folder of program.md with --repo.")
    for root in (project, *project.parents):
        if (root / ".git").exists():
            git_dir = _git_dir(root)
            checkout = Checkout(root, git_dir, _common_dir(git_dir), project)
            _refuse_state_inside(checkout)
            return checkout
        if _looks_bare(root):
            raise RepositoryError(f"{root}: a bare repository has no files to measure. Clone it and run Referee there.")
    raise RepositoryError(f"{project}: not inside a git repository. Run `git init` and commit the project first.")


def _refuse_state_inside(checkout: Checkout) -> None:
    state = Path(os.path.realpath(state_root()))
    if state.is_relative_to(checkout.root) or state.is_relative_to(checkout.common_dir):
        raise RepositoryError(
            f"Referee's state would lie in {state}, inside the repository. Set REFEREE_STATE_DIR to another folder."
        )


def refuse_pointer(checkout: Checkout, tag: str) -> None:
    """Make sure that what says where a session's state lies can be believed; a repository may come with its `.git`.

    Raises:
        RepositoryError: If it is a link or no plain file, or leads to a place where no state of that tag can lie.
    """
    folder, way_out = checkout.pointers(), "Look at it; remove it if you do not know it."
    pointer = folder / tag
    if folder.is_symlink() or (os.path.lexists(folder) and not folder.is_dir()):
        raise RepositoryError(f"{folder}: found something else than a folder. {way_out}")
    if not os.path.lexists(pointer):
        return
    if pointer.is_symlink() or not pointer.is_file():
        raise RepositoryError(f"{pointer}: found something else than a plain file. {way_out}")
    text = pointer.read_text(encoding="utf-8", errors="surrogateescape").strip()
    home = Path(os.path.realpath(text))
    inside = home.is_relative_to(checkout.root) or home.is_relative_to(checkout.common_dir)
    if not text.startswith("/") or home.name != tag or inside or _foreign(home):
        raise RepositoryError(f"{pointer}: names {text[:200]!r}, where no state of this session can lie. {way_out}")


def _foreign(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or folder.stat().st_uid != os.geteuid())


def _looks_bare(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def _git_dir(root: Path) -> Path:
    marker = root / ".git"
    if marker.is_dir():
        return marker.resolve()
    if not marker.is_file():
        raise RepositoryError(f"{marker}: found something else than a folder or a file. This is no git repository.")
    text = marker.read_text(encoding="utf-8", errors="replace").strip()
    if not text.startswith("gitdir: "):
        raise RepositoryError(f"{marker}: found {text[:60]!r}, expected a folder or 'gitdir: PATH'.")
    git_dir = (root / text.removeprefix("gitdir: ")).resolve()
    if not git_dir.is_dir():
        raise RepositoryError(f"{marker}: points to {git_dir}, which does not exist. Run `git worktree repair`.")
    return git_dir


def _common_dir(git_dir: Path) -> Path:
    marker = git_dir / "commondir"
    if not marker.is_file():
        return git_dir
    return (git_dir / marker.read_text(encoding="utf-8").strip()).resolve()


def checked_out_branches(checkout: Checkout) -> dict[str, Path]:
    """Every branch that some worktree has checked out, with the git directory of that worktree."""
    folders = [checkout.common_dir, *sorted((checkout.common_dir / "worktrees").glob("*"))]
    found: dict[str, Path] = {}
    for folder in folders:
        head = folder / "HEAD"
        if head.is_file():
            text = head.read_text(encoding="utf-8", errors="replace").strip()
            if text.startswith("ref: "):
                found[text.removeprefix("ref: ")] = folder
    return found
