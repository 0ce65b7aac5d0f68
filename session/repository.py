"""The repository as a session sees it: the base commit, the target in it, and trees with another target.

Guarantee: the person's index, working files and stashes are never written, and nothing in the checkout is followed
through a link. Only objects are added here; refs are the business of `refs`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .edits import validate_text
from .errors import RefusedError, RepositoryError
from .files import read_regular
from .git import Entry, Git
from .places import Checkout

_FOLDER, _LINK, _SUBMODULE = "040000", "120000", "160000"


@dataclass(frozen=True)
class Base:
    """The frozen commit of a session: its id, its tree, and every entry by path from the repository's root."""

    commit: str
    tree: str
    entries: tuple[Entry, ...]

    @cached_property
    def by_path(self) -> Mapping[str, Entry]:
        """Entries by full path."""
        return {entry.path: entry for entry in self.entries}

    @cached_property
    def children(self) -> Mapping[str, Sequence[Entry]]:
        """Entries by the folder that holds them; "" is the root."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.path.rpartition("/")[0], []).append(entry)
        return found

    @property
    def files(self) -> tuple[Entry, ...]:
        """Everything but folders."""
        return tuple(entry for entry in self.entries if entry.type != "tree")


class Repository:
    """One checkout, read and written through the git directory that Referee owns."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self.git = Git(checkout.state_home() / ".git", checkout.common_dir)  # no tag can have this name

    def head(self) -> str:
        """The commit that this worktree has checked out.

        Raises:
            RepositoryError: If there is no commit yet.
        """
        head = self.checkout.git_dir / "HEAD"
        if not head.is_file():
            raise RepositoryError(f"{self.checkout.git_dir}: has no HEAD, so it is no git repository.")
        name = head.read_text(encoding="utf-8", errors="replace").strip().removeprefix("ref: ")
        commit = self.git.resolve(f"{name}^{{commit}}")
        if commit is None:
            raise RepositoryError(
                f"{self.checkout.root}: there is no commit yet. Commit the project (`git add -A && git commit`), "
                "so that Referee has something to freeze."
            )
        return commit

    def base(self, commit: str) -> Base:
        """The tree of a commit.

        Raises:
            RepositoryError: If the commit or one of its trees is missing.
        """
        try:
            tree = self.git.tree_of(commit)
            entries = self.git.entries(tree)
        except RepositoryError as fault:
            raise RepositoryError(f"commit {commit[:7]} cannot be read: {fault}") from None
        for entry in entries:
            if entry.path.rpartition("/")[2].lower() == ".git":
                raise RepositoryError(f"commit {commit[:7]} holds the path {entry.path!r}, which is never legitimate.")
        return Base(commit, tree, entries)

    def target_entry(self, base: Base, target: str) -> Entry:
        """The target in the base commit; `target` is relative to the project.

        Raises:
            RepositoryError: If it is not a tracked regular file.
        """
        path = self.checkout.prefix + target
        entry = base.by_path.get(path)
        where = f"target {target}"
        if entry is None and (self.checkout.project / target).exists():
            raise RepositoryError(
                f"{where}: is not tracked at HEAD. Run `git add {target} && git commit`, then try again."
            )
        if entry is None:
            raise RepositoryError(
                f"{where}: does not exist at HEAD. Correct 'target' in program.md, or commit the file."
            )
        kinds = {_FOLDER: "a folder", _LINK: "a symbolic link", _SUBMODULE: "a submodule"}
        if kind := kinds.get(entry.mode):
            raise RepositoryError(f"{where}: is {kind}. The target must be one regular file of this repository.")
        return entry

    def text(self, oid: str, what: str) -> str:
        """A blob as text.

        Raises:
            RepositoryError: If it is not UTF-8, or not a text that can be a target.
        """
        data = self.git.read(oid)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as fault:
            raise RepositoryError(f"{what}: is not UTF-8 text (byte {fault.start}). Only text can be edited.") from None
        if text.startswith("version https://git-lfs"):
            raise RepositoryError(f"{what}: is kept in LFS, so git holds only a pointer to it. Track it in git itself.")
        try:
            validate_text(text)
        except RefusedError as fault:
            raise RepositoryError(f"{what}: {fault}") from None
        return text

    def checkout_text(self, target: str) -> str:
        """The target as it lies in the checkout now, read without following any link.

        Raises:
            RefusedError: If it is missing, a link, hard-linked, not a regular file, or not UTF-8.
        """
        data = read_regular(self.checkout.project, target)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as fault:
            raise RefusedError(f"{target} in the checkout is not UTF-8 text (byte {fault.start}).") from None

    def with_target(self, base: Base, target: str, blob: str) -> str:
        """Store the base tree with the target's blob replaced, and return its id."""
        path = self.checkout.prefix + target
        oid = blob
        while path:
            folder = path.rpartition("/")[0]
            oid = self.git.write_tree(
                (e.mode, e.type, oid if e.path == path else e.oid, e.path.rpartition("/")[2])
                for e in base.children[folder]
            )
            path = folder
        return oid
