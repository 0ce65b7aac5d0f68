"""The system call filter, simulated instruction by instruction for both architectures."""

import struct

import pytest
from referee.sandbox.seccomp import (
    ALLOW,
    AUDIT,
    CLONE3,
    CLOSE_RANGE,
    DENY,
    IO_URING,
    KILL,
    MISSING,
    TABLES,
    Sockets,
    build,
)

_ARCHES = sorted(TABLES)


def verdict(program: bytes, arch: int, number: int, *arguments: int) -> int:
    """Run the filter as the kernel would."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<iIQ6Q", number if number < 1 << 31 else number - (1 << 32), arch, 0, *padded)
    lines = list(struct.iter_unpack("HBBI", program))
    at, held = 0, 0
    for _ in range(len(lines)):
        code, yes, no, value = lines[at]
        at += 1
        if code == 0x20:
            held = struct.unpack_from("<I", data, value)[0]
        elif code == 0x54:
            held &= value
        elif code == 0x06:
            return int(value)
        else:
            test = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            at += yes if test else no
    raise AssertionError("the filter does not end")


def judge(arch: str, sockets: Sockets, number: int, *arguments: int) -> int:
    return verdict(build(sockets, arch), AUDIT[arch], number, *arguments)


@pytest.mark.parametrize("arch", _ARCHES)
def test_every_listed_call_is_refused(arch: str) -> None:
    table = TABLES[arch]
    assert {judge(arch, "local", number, 1, 2, 3) for number in table.denied.values()} == {DENY}
    assert {judge(arch, "local", number) for number in (*IO_URING, CLONE3)} == {MISSING}


@pytest.mark.parametrize("arch", _ARCHES)
def test_everything_else_is_allowed(arch: str) -> None:
    table = TABLES[arch]
    looked_into = {table.clone, table.fcntl, table.ioctl, table.prctl, table.prlimit64, table.socket, table.socketpair}
    special = {*table.denied.values(), *IO_URING, CLONE3, CLOSE_RANGE, *looked_into}
    program = build("local", arch)
    assert {verdict(program, AUDIT[arch], number) for number in range(460) if number not in special} == {ALLOW}


@pytest.mark.parametrize("arch", _ARCHES)
def test_a_foreign_architecture_kills(arch: str) -> None:
    for other in {*AUDIT.values(), 0x4000_0003} - {AUDIT[arch]}:
        assert verdict(build("local", arch), other, 0) == KILL


def test_the_x32_interface_kills() -> None:
    assert judge("x86_64", "local", 0x4000_0000 + 41) == KILL
    assert judge("x86_64", "local", 0xFFFF_FFFF) == KILL


@pytest.mark.parametrize("arch", _ARCHES)
def test_terminal_injection_is_refused_whatever_the_upper_half_says(arch: str) -> None:
    ioctl = TABLES[arch].ioctl
    for request in (0x5412, 0x541C, 0x5412 | 1 << 32, 0x541C | 0xFFFF_FFFF << 32):
        assert judge(arch, "local", ioctl, 0, request) == DENY
    assert judge(arch, "local", ioctl, 0, 0x5413) == ALLOW


@pytest.mark.parametrize("arch", _ARCHES)
def test_a_lease_that_holds_up_others_is_refused_and_a_lock_is_not(arch: str) -> None:
    fcntl = TABLES[arch].fcntl
    assert judge(arch, "local", fcntl, 5, 1024) == DENY
    assert judge(arch, "local", fcntl, 5, 1024 | 7 << 32) == DENY
    assert {judge(arch, "local", fcntl, 5, command) for command in (1, 2, 6, 7, 1030, 1033)} == {ALLOW}


@pytest.mark.parametrize("arch", _ARCHES)
def test_a_process_cannot_hide_what_it_holds_and_may_still_name_itself(arch: str) -> None:
    prctl = TABLES[arch].prctl
    assert judge(arch, "local", prctl, 4, 0) == DENY
    assert judge(arch, "local", prctl, 4 | 1 << 32, 0) == DENY
    assert {judge(arch, "local", prctl, option) for option in (1, 3, 15, 22, 38)} == {ALLOW}


@pytest.mark.parametrize("arch", _ARCHES)
@pytest.mark.parametrize("flag", [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000])
def test_a_new_namespace_is_refused_and_a_thread_is_not(arch: str, flag: int) -> None:
    clone = TABLES[arch].clone
    assert judge(arch, "local", clone, flag | 17) == DENY
    assert judge(arch, "local", clone, 0x3D0F00) == ALLOW
    assert judge(arch, "local", clone, 0x3D0F00 & ~0x400) == DENY
    assert judge(arch, "local", clone, 0x3D0F00 & ~0x400 & ~0x10000) == ALLOW
    assert judge(arch, "local", clone, 17) == ALLOW


@pytest.mark.parametrize("arch", _ARCHES)
def test_limits_of_other_processes_are_out_of_reach(arch: str) -> None:
    prlimit = TABLES[arch].prlimit64
    assert judge(arch, "local", prlimit, 0) == ALLOW
    assert judge(arch, "local", prlimit, 1234) == DENY


_FAMILIES: dict[Sockets, set[int]] = {"local": {1, 2, 10}, "internet": {2, 10}, "none": set()}


@pytest.mark.parametrize("arch", _ARCHES)
@pytest.mark.parametrize("sockets", _FAMILIES)
def test_only_the_named_socket_families_can_be_made(arch: str, sockets: Sockets) -> None:
    allowed = {family for family in range(46) if judge(arch, sockets, TABLES[arch].socket, family, 1) == ALLOW}
    assert allowed == _FAMILIES[sockets]
    assert judge(arch, sockets, TABLES[arch].socket, 40 | 1 << 32, 1) == DENY


@pytest.mark.parametrize("arch", _ARCHES)
def test_a_datagram_pair_is_refused_where_it_could_reach_out(arch: str) -> None:
    pair = TABLES[arch].socketpair
    for sockets in ("internet", "none"):
        kinds = {kind for kind in range(11) if judge(arch, sockets, pair, 1, kind) == ALLOW}
        assert kinds == {1, 5}
        assert judge(arch, sockets, pair, 1, 1 | 0x80000 | 0x800) == ALLOW
        assert judge(arch, sockets, pair, 2, 1) == DENY


@pytest.mark.parametrize("arch", _ARCHES)
def test_truncation_by_path_can_be_denied_as_well(arch: str) -> None:
    number = TABLES[arch].optional["truncate"]
    assert judge(arch, "none", number) == ALLOW
    assert verdict(build("none", arch, also=("truncate",)), AUDIT[arch], number) == DENY


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(OSError, match="no system call table for riscv64"):
        build("local", "riscv64")


@pytest.mark.parametrize("arch", _ARCHES)
def test_no_thread_leaves_the_table_of_open_files_that_all_share(arch: str) -> None:
    assert judge(arch, "local", CLOSE_RANGE, 3, 9, 2) == judge(arch, "local", CLOSE_RANGE, 3, 9, 6) == DENY
    assert judge(arch, "local", CLOSE_RANGE, 3, 9, 0) == judge(arch, "local", CLOSE_RANGE, 3, 9, 4) == ALLOW
