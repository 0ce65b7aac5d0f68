"""Add the server's entry to a project's client files, show it, or take it away again.

Guarantee: every file is read and compared before the first is written; what stands there already stays; an entry that
is not ours is overwritten only after a yes.
"""

import difflib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...session import program
from ...session.contract import Contract
from ...session.places import PROGRAM, Checkout, find_checkout
from ..clients import entry
from ..commands.screen import say
from . import files, notes, planning, record, wanted
from .errors import EntryError
from .planning import Change
from .wanted import Wanted

Ask = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for.

    Attributes:
        into: The file of a client that Referee does not know, within the project.
        yes: Overwrite without asking.
    """

    client: str
    remove: bool = False
    only_print: bool = False
    portable: bool = False
    into: str = ""
    yes: bool = False


def change(folder: Path, options: Options, ask: Ask | None) -> int:
    """Do it and return the exit code.

    Args:
        folder: The project.
        options: What was asked for.
        ask: Gets a question and says whether the answer is yes; None if there is nobody to ask.

    Raises:
        RefereeError: If a file cannot be changed, or an entry that is not ours stands there and nobody said yes.
    """
    _refuse_place(options)
    checkout = find_checkout(folder)
    if options.remove:
        return _remove(checkout, options, ask)
    path = checkout.project / PROGRAM
    return _add(checkout, program.load(path).contract if path.exists() else None, options, ask)


def _add(checkout: Checkout, contract: Contract | None, options: Options, ask: Ask | None) -> int:
    server = wanted.server_of(checkout.project, contract, portable=options.portable)
    seconds = wanted.call_seconds(contract)
    chosen = wanted.files(options.client, server, seconds, portable=options.portable, into=options.into)
    if not chosen:
        say(entry.generic(server).decode().rstrip())
        return 0
    known = record.load(checkout.state_home())
    changes = [planning.adding(checkout.project, one, known.get(_key(checkout, one))) for one in chosen]
    if not _show(changes, options, ask, "overwrite"):
        return 0
    for one in changes:
        _write(checkout, known, one)
    say("\n".join(notes.added(checkout, options.client, changes, portable=options.portable)))
    return 0


def _remove(checkout: Checkout, options: Options, ask: Ask | None) -> int:
    server = wanted.server_of(checkout.project, None, portable=False)
    either = [
        one
        for portable in (False, True)
        for one in wanted.files(options.client, server, 0, portable=portable, into=options.into)
    ]
    if not either:
        raise EntryError("init: --remove --client generic: which file? Name it with --into FILE.")
    known = record.load(checkout.state_home())
    chosen = {one.path: one for one in either}.values()
    changes = [planning.removing(checkout.project, one, known.get(_key(checkout, one))) for one in chosen]
    if not _show(changes, options, ask, "remove"):
        return 0
    made = {path for one in changes if (of := known.get(checkout.prefix + one.path)) for path in of.folders}
    for one in changes:
        _write(checkout, known, one)
    files.remove_folders(checkout.project, made)
    say("\n".join(notes.removed(changes)))
    return 0


def _show(changes: Sequence[Change], options: Options, ask: Ask | None, verb: str) -> bool:
    """Show what would change, and say whether it may be written."""
    for one in changes:
        if lines := _diff(one):
            say("\n".join(lines))
    if options.only_print:
        return False
    differing = [f"{one.path}: {name}" for one in changes for name in one.differing]
    if not differing or options.yes:
        return True
    what = f"{', '.join(differing)} is not what referee init wrote"
    if ask is None:
        raise EntryError(f"{what}, and nothing was written. To {verb} it: the same command with --yes.")
    if ask(f"{what}. {verb.capitalize()} it? [y/N] "):
        return True
    say("Nothing was written.")
    return False


def _diff(one: Change) -> list[str]:
    names = ("/dev/null" if one.before is None else one.path, "/dev/null" if one.after is None else one.path)
    before, after = (one.before or "").splitlines(), (one.after or "").splitlines()
    return list(difflib.unified_diff(before, after, *names, lineterm=""))


def _write(checkout: Checkout, known: dict[str, record.Record], one: Change) -> None:
    key = checkout.prefix + one.path
    if one.record is not None:  # remembered first: what is killed between the two can still be taken away
        known[key] = one.record
        record.save(checkout.state_home(), known)
    if one.after is None and one.before is not None:
        files.remove(checkout.project, one.path, one.before)
    elif one.after is not None and one.after != one.before:
        files.write(checkout.project, one.path, one.before, one.after)
    if one.record is None and key in known:
        del known[key]
        record.save(checkout.state_home(), known)


def _key(checkout: Checkout, one: Wanted) -> str:
    return checkout.prefix + one.path


def _refuse_place(options: Options) -> None:
    if not options.into:
        return
    place = PurePosixPath(options.into)
    if options.client != "generic":
        raise EntryError(f"init: --into goes with --client generic; {options.client} has its own files.")
    strange = place.is_absolute() or {".", "..", ".git"} & set(options.into.split("/")) or place.suffix != ".json"
    if strange or place.as_posix() != options.into:
        shown = json.dumps(options.into)[:80]
        raise EntryError(
            f"init: --into: found {shown}, expected a .json file below the project such as .cursor/mcp.json"
        )
