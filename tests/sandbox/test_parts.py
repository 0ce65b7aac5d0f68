"""The small parts: user ids, Landlock versions, the log, removal, remedies, the view."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.sandbox import bubblewrap, copies, landlock, remedies, scratch, shared_memory, view
from referee.sandbox.limits import pick_uid
from referee.sandbox.log import Log

from .conftest import Lab, make_lab


@pytest.mark.parametrize(
    ("uid_map", "number", "expected"),
    [
        ("         0          0 4294967295\n", 1234, 2_000_001_234),
        ("         0     100000      65536\n", 0, 65533),
        ("         0     100000      65536\n", 10, 65523),
        ("0 1000 1\n1 100000 65536\n", 5, 65528),
        ("0 1000 1\n", 77, None),
    ],
)
def test_a_private_user_is_chosen_inside_the_namespace(uid_map: str, number: int, expected: int | None) -> None:
    assert pick_uid(uid_map, number) == expected


@given(st.integers(1, 4_000_000), st.integers(2, 1 << 31))
def test_a_private_user_is_never_outside_the_map_nor_nobody(number: int, count: int) -> None:
    uid = pick_uid(f"0 0 {count}", number)
    assert uid is not None
    assert 0 < uid < count
    assert uid != 65534


@pytest.mark.parametrize(
    ("abi", "files", "network", "scoped", "size"),
    [
        (1, 0x1FFF, 0, 0, 8),
        (2, 0x3FFF, 0, 0, 8),
        (3, 0x7FFF, 0, 0, 8),
        (4, 0x7FFF, 3, 0, 16),
        (5, 0xFFFF, 3, 0, 16),
        (6, 0xFFFF, 3, 3, 24),
        (9, 0xFFFF, 3, 3, 24),
    ],
)
def test_a_landlock_version_is_asked_only_for_what_it_knows(
    abi: int, files: int, network: int, scoped: int, size: int
) -> None:
    assert landlock.rights(abi) == landlock.Rights(files, network, scoped, size)


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(0, 100))
def test_the_log_is_the_output_or_its_ends_with_a_mark(pieces: list[bytes], cap: int) -> None:
    path = f"/tmp/referee-log-{os.getpid()}"
    log = Log(path, cap)
    for piece in pieces:
        log.add(piece)
    log.close()
    written, whole = Path(path).read_bytes(), b"".join(pieces)
    Path(path).unlink()
    if len(whole) <= cap:
        assert written == whole
    else:
        head, tail = whole[: cap // 2], whole[len(whole) - (cap - cap // 2) :]
        mark = b"\n[referee: %d bytes left out here]\n" % (len(whole) - cap)
        assert written == head + mark + tail


def test_the_log_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        Log(str(tmp_path / "log"), 10)


def test_removal_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").write_text("x")
    (tmp_path / "trial" / "inner").mkdir(parents=True)
    (tmp_path / "trial" / "inner" / "link").symlink_to(tmp_path / "mine", target_is_directory=True)
    scratch.remove(str(tmp_path / "trial"))
    assert not (tmp_path / "trial").exists()
    assert (tmp_path / "mine" / "precious").exists()


def test_a_folder_in_use_is_not_swept(tmp_path: Path) -> None:
    folder = scratch.make(str(tmp_path), None)
    scratch.sweep(str(tmp_path))
    assert Path(folder.path).exists()
    scratch.clear(folder)
    assert list(tmp_path.iterdir()) == []


def test_remedies_are_read_from_the_machine(tmp_path: Path) -> None:
    knob, mark = tmp_path / "knob", tmp_path / "mark"
    knobs = ((str(knob), "1", "turn it off"),)
    assert remedies.for_namespaces((str(mark),), knobs) == ""
    knob.write_text("1\n")
    assert remedies.for_namespaces((str(mark),), knobs) == "turn it off"
    mark.touch()
    status = tmp_path / "status"
    status.write_text("Name:\tx\nSeccomp:\t0\n")
    assert remedies.for_namespaces((str(mark),), knobs, str(status)) == "turn it off"
    status.write_text("Name:\tx\nSeccomp:\t2\n")
    assert "seccomp=unconfined" in remedies.for_namespaces((str(mark),), knobs, str(status))


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=debian\n", "apt install"),
        ('NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt install"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install"),
        ("ID=arch\n", "pacman -S"),
        ("ID=void\n", "with your package manager:"),
    ],
)
def test_the_installer_is_that_of_the_distribution(tmp_path: Path, release: str, command: str) -> None:
    (tmp_path / "os-release").write_text(release)
    assert remedies.installer(str(tmp_path / "os-release")) == command
    assert remedies.installer(str(tmp_path / "gone")) == "with your package manager:"


def test_a_program_that_reads_core_dumps_is_named_with_what_would_stop_it(tmp_path: Path) -> None:
    pattern = tmp_path / "core_pattern"
    pattern.write_text("|/usr/share/apport/apport -p%p -s%s\n")
    assert remedies.crash_reader(str(pattern)) == "/usr/share/apport/apport"
    pattern.write_text("core\n")
    assert remedies.crash_reader(str(pattern)) == ""


def test_a_set_uid_bubblewrap_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bwrap"
    fake.touch()
    monkeypatch.setattr(bubblewrap, "_PROGRAMS", (str(fake),))
    assert bubblewrap.program() == str(fake)
    fake.chmod(0o4755)
    assert bubblewrap.program() is None
    assert "set-uid" in bubblewrap.missing()


def test_bubblewrap_is_never_looked_up_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bwrap").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bubblewrap.program() != str(tmp_path / "bwrap")


@pytest.fixture
def plain(ground: Path) -> Lab:
    from referee.sandbox.launch import Launcher  # noqa: PLC0415 - never started

    return make_lab(ground, "bubblewrap", Launcher())


def test_the_state_is_masked_where_an_input_would_show_it(plain: Lab) -> None:
    spec = plain.spec("", inputs=(str(plain.base),))
    folder = scratch.make(spec.scratch, None)
    lines = view.arguments(spec, folder, "/merged", "/shm")
    masked = [lines[index + 1] for index, line in enumerate(lines) if line == "--tmpfs"]
    assert {spec.scratch, spec.snapshot, str(plain.log.parent)} <= set(masked)
    assert str(plain.root) not in masked
    scratch.clear(folder)


def test_parents_are_bound_before_what_lies_in_them(plain: Lab) -> None:
    spec = plain.spec("", inputs=("/data/a/b", "/data", "/usr/share/x"))
    folder = scratch.make(spec.scratch, None)
    lines = view.arguments(spec, folder, "/merged", "/shm")
    places = [lines[index + 2] for index, line in enumerate(lines) if line in {"--ro-bind", "--bind"}]
    for index, place in enumerate(places):
        assert not any(other.startswith(place + "/") for other in places[:index])
    assert lines[-4:] == ["--remount-ro", "/dev", "--remount-ro", "/"]
    scratch.clear(folder)


def test_many_folders_can_be_made_at_the_same_time(tmp_path: Path) -> None:
    def make() -> scratch.Folder:
        return scratch.make(str(tmp_path), None)

    with ThreadPoolExecutor(8) as pool:
        folders = [future.result() for future in [pool.submit(make) for _ in range(40)]]
    assert all(Path(folder.path, "tmp").is_dir() for folder in folders)
    for folder in folders:
        scratch.clear(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has private users")
def test_shared_memory_of_a_private_user_is_removed_and_nobody_elses() -> None:
    owner = 2_000_000_000 + os.getpid()
    top = Path("/dev/shm")
    mine, theirs, folder = (top / f"referee-{name}-{os.getpid()}" for name in ("mine", "theirs", "folder"))
    mine.touch()
    theirs.touch()
    (folder / "deep").mkdir(parents=True)
    for path in (theirs, folder):
        os.chown(path, owner, owner)
    shared_memory.remove(owner)
    assert (mine.exists(), theirs.exists(), folder.exists()) == (True, False, False)
    mine.unlink()


def test_an_input_below_a_link_that_leads_outside_changes_nothing_there(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    top = tmp_path / "copy"
    top.mkdir()
    (top / "link").symlink_to(outside)
    copies.link_into(str(top), "link/deep/data", "/usr/share")
    assert (outside.stat().st_mode & 0o777, list(outside.iterdir())) == (0o700, [])
