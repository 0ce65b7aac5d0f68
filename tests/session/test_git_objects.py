"""Objects come back byte for byte, whatever names, attributes and threads there are; what is missing is named."""

import os
import subprocess
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referee.session.errors import RepositoryError
from referee.session.git import Git

from tests.projects import loose
from tests.session.conftest import OpenRepository

PersonsGit = Callable[..., str]


ODD_NAMES = [
    b"a b.txt",
    b"two\nlines",
    b"-rf",
    b"caf\xe9.txt",
    b"tab\there",
    b'"quoted"',
    b"\xe2\x80\xa8",
    b" lead",
    b"a\\b",
]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_bytes_come_back_exactly_as_they_were_stored(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("raw")
    subprocess.run(["git", "init", "-q", folder], check=True)
    git = Git(folder / "owned", folder / ".git")
    try:
        oid = git.write_blob(data)
        assert git.read(oid) == data
        assert git.object_id("blob", data) == oid
    finally:
        git.close()


def test_a_blob_is_stored_although_the_folder_for_it_is_removed_while_it_is_empty(
    project: Path, repository: OpenRepository
) -> None:
    """As `git gc` of the person does, between git's making of the folder and of the file in it."""
    ours = repository(project).git
    for number in range(20):
        data = f"swept {number}".encode()
        oid = ours.object_id("blob", data)
        folder, over = project / ".git" / "objects" / oid[:2], threading.Event()

        def sweep(folder: Path = folder, over: threading.Event = over) -> None:
            while not over.is_set():
                with suppress(OSError):
                    folder.rmdir()
                    return

        sweeper = threading.Thread(target=sweep)
        sweeper.start()
        try:
            assert ours.write_blob(data) == oid
        finally:
            over.set()
            sweeper.join()
        assert ours.read(oid) == data


def test_line_endings_and_attributes_change_no_byte_of_a_blob(
    project: Path, git: PersonsGit, repository: OpenRepository
) -> None:
    (project / ".gitattributes").write_text("* text eol=crlf ident\n", encoding="utf-8")
    git(project, "config", "core.autocrlf", "true")
    ours = repository(project).git
    data = b"a\r\nb\n$Id$\r\n\0"
    assert ours.read(ours.write_blob(data)) == data


def test_names_of_every_kind_survive_listing_and_rewriting(
    project: Path, git: PersonsGit, repository: OpenRepository
) -> None:
    for name in ODD_NAMES:
        (project / os.fsdecode(name)).write_bytes(name)
    git(project, "add", "--all")
    git(project, "commit", "-qm", "odd names")
    ours = repository(project)
    base = ours.base(ours.head())
    assert {os.fsencode(path) for path in base.by_path} == {*ODD_NAMES, b"program.md", b"run.sh"}
    assert ours.with_target(base, "run.sh", base.by_path["run.sh"].oid) == base.tree


def test_a_tree_with_the_same_target_is_the_same_tree_at_any_depth(
    make_project: Callable[..., Path], git: PersonsGit, repository: OpenRepository
) -> None:
    project = make_project({"a/b/c.py": "x = 1\n", "a/z": "z\n", "a.txt": "sorts between\n", "a/b.py": "y\n"})
    (project / "a" / "tool").write_text("#!/bin/sh\n", encoding="utf-8")
    (project / "a" / "tool").chmod(0o755)
    (project / "a" / "link").symlink_to("z")
    git(project, "add", "--all")
    git(project, "commit", "-qm", "more")
    ours = repository(project)
    base = ours.base(ours.head())
    for path in ("a/b/c.py", "a.txt", "a/tool", "run.sh"):
        assert ours.with_target(base, path, base.by_path[path].oid) == base.tree
    changed = ours.with_target(base, "a/b/c.py", ours.git.write_blob(b"x = 2\n"))
    assert git(project, "diff-tree", "-r", "--name-status", base.tree, changed) == "M\ta/b/c.py"


def test_a_missing_object_is_named_with_the_way_out_and_the_next_read_works(
    project: Path, repository: OpenRepository
) -> None:
    ours = repository(project).git
    with pytest.raises(RepositoryError, match=f"object {'1' * 40} is missing.*git fetch"):
        ours.read("1" * 40)
    assert ours.read(ours.write_blob(b"still here")) == b"still here"


@pytest.mark.parametrize("wreck", [b"", b"not zlib", zlib.compress(b"blob 5\0abc")], ids=["empty", "garbage", "short"])
def test_a_damaged_object_is_a_fault_in_words_and_the_next_read_works(
    project: Path, repository: OpenRepository, wreck: bytes
) -> None:
    ours = repository(project).git
    oid, other = ours.write_blob(b"the true bytes"), ours.write_blob(b"another")
    ours.close()
    loose(project, oid).chmod(0o644)
    loose(project, oid).write_bytes(wreck)
    with pytest.raises(RepositoryError, match=oid[:7]):
        ours.read(oid)
    assert ours.read(other) == b"another"


def test_two_threads_that_read_at_once_get_their_own_objects(project: Path, repository: OpenRepository) -> None:
    """A trial's text is read while a worker serves a reading tool."""
    ours = repository(project).git
    wanted = {ours.write_blob(text := f"{n}".encode() * 3000): text for n in range(1, 9)}
    wrong: list[str] = []

    def check(oid: str, text: bytes) -> None:
        for _ in range(150):
            try:
                if ours.read(oid) != text:
                    wrong.append(oid)
            except (RepositoryError, ValueError, OSError) as fault:
                wrong.append(repr(fault))
                return

    threads = [threading.Thread(target=check, args=item, daemon=True) for item in wanted.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not [thread for thread in threads if thread.is_alive()]
    assert wrong == []


def test_a_reader_that_was_killed_is_started_again(project: Path, repository: OpenRepository) -> None:
    ours = repository(project).git
    oid = ours.write_blob(b"bytes")
    before = psutil.Process().children()
    ours.read(oid)
    (reader,) = set(psutil.Process().children()) - set(before)
    reader.kill()
    reader.wait(60)
    assert ours.read(oid) == b"bytes"


def test_objects_are_still_found_after_the_person_packs_everything(
    project: Path, git: PersonsGit, repository: OpenRepository
) -> None:
    ours = repository(project)
    commit = ours.head()
    oid = ours.base(commit).by_path["run.sh"].oid
    ours.git.read(oid)
    git(project, "gc", "-q", "--prune=now")
    assert ours.git.read(oid).startswith(b"echo")
    assert ours.base(commit).commit == commit
