"""Which nodes are taken for GPUs, on made machines: real device nodes in a folder, facts in plain files."""

import os
import stat
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from referee.sandbox import gpu, wire
from referee.sandbox.errors import SandboxError, SandboxUnavailableError
from referee.sandbox.gpu_layout import Machine
from referee.sandbox.launch import Launcher

from .conftest import make_lab

NVIDIA = ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
_USER = 61234


def _cannot_make_nodes(folder: Path) -> str:
    try:
        os.mknod(folder / "probe", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except OSError as error:
        return f"no device node can be made here: {error}"
    (folder / "probe").unlink()
    return ""


@pytest.fixture
def machine(ground: Path) -> Machine:
    """A machine without any device; every user can look at it."""
    ground.chmod(0o755)
    if reason := _cannot_make_nodes(ground):
        pytest.skip(reason)
    for name in ("dev", "sys", "proc", "run"):
        (ground / name).mkdir()
    return Machine(*(str(ground / name) for name in ("dev", "sys", "proc", "run")))


def add(machine: Machine, *names: str, mode: int = 0o666, group: int = 0) -> None:
    """Add device nodes."""
    for name in names:
        path = Path(machine.dev, name)
        path.parent.mkdir(exist_ok=True)
        os.mknod(path, stat.S_IFCHR, os.makedev(1, 3))
        path.chmod(mode)
        os.chown(path, 0, group)


def tell(place: str, name: str, text: str) -> None:
    """Add a fact of procfs or sysfs."""
    path = Path(place, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def names(machine: Machine, gpus: tuple[int, ...] | None) -> list[str]:
    """The nodes that are given, relative to the devices' folder."""
    return [os.path.relpath(path, machine.dev) for path in gpu.nodes(gpus, machine)]


def as_user(groups: list[int], ask: Callable[[], str]) -> str:
    """Ask in a process of an ordinary user."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads: the child does next to nothing
        pid = os.fork()
    if pid == 0:
        os.setgroups(groups)
        os.setresgid(_USER, _USER, _USER)
        os.setresuid(_USER, _USER, _USER)
        os.write(writing, ask().encode())
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answer:
        said = answer.read()
    assert os.waitpid(pid, 0)[1] == 0
    return said


def test_nvidias_gpus_come_with_the_nodes_that_they_share(machine: Machine) -> None:
    add(machine, *NVIDIA)
    assert sorted(names(machine, None)) == sorted(NVIDIA)
    assert sorted(names(machine, (0,))) == sorted(set(NVIDIA) - {"nvidia1"})
    assert names(machine, ()) == []


def test_nodes_of_other_drivers_and_near_names_are_not_taken(machine: Machine) -> None:
    add(machine, "nvidia0", "nvidiactl", "nvidia-uvm")
    add(machine, "nvidia", "nvidia0p1", "nvidia-nvswitchctl", "nvidia-nvlink", "dri/card0", "dri/renderD128", "mem")
    assert sorted(names(machine, None)) == ["nvidia-uvm", "nvidia0", "nvidiactl"]


def test_gpus_are_counted_as_nvidia_smi_does_by_their_place_on_the_bus(machine: Machine) -> None:
    add(machine, *NVIDIA, "nvidia2")
    for bus, minor in (("0000:07:00.0", 2), ("0000:0f:00.0", 0), ("0000:47:00.0", 1)):
        tell(machine.proc, f"driver/nvidia/gpus/{bus}/information", f"Model: \t H200\nDevice Minor: \t {minor}\n")
    assert [names(machine, (index,))[0] for index in range(3)] == ["nvidia2", "nvidia0", "nvidia1"]


def test_the_one_gpu_of_a_container_is_number_zero_whatever_its_node_is_called(machine: Machine) -> None:
    add(machine, "nvidia3", "nvidiactl", "nvidia-uvm")
    assert names(machine, (0,))[0] == "nvidia3"


def test_ten_gpus_are_counted_as_numbers_and_not_as_words(machine: Machine) -> None:
    add(machine, *(f"nvidia{number}" for number in range(12)), "nvidiactl", "nvidia-uvm")
    assert names(machine, (2, 10))[:1] + names(machine, (10,))[:1] == ["nvidia2", "nvidia10"]


def test_instances_of_a_gpu_are_given_and_the_right_to_change_them_is_not(machine: Machine) -> None:
    add(machine, *NVIDIA)
    add(machine, "nvidia-caps/nvidia-cap1", mode=0o400)
    add(machine, "nvidia-caps/nvidia-cap2", "nvidia-caps/nvidia-cap21", "nvidia-caps/nvidia-cap22", mode=0o444)
    add(machine, "nvidia-caps/nvidia-cap30", mode=0o400)
    caps = [name for name in names(machine, (0,)) if "/" in name]
    assert caps == ["nvidia-caps/nvidia-cap21", "nvidia-caps/nvidia-cap22"]


def test_amds_gpus_are_counted_as_rocm_does_in_the_order_of_kfd(machine: Machine) -> None:
    add(machine, "kfd", "dri/card0", "dri/renderD128", "dri/renderD129", "dri/renderD130")
    for place, minor in ((0, 0), (1, 0), (2, 130), (10, 128)):
        tell(
            machine.sys, f"class/kfd/kfd/topology/nodes/{place}/properties", f"simd_count 4\ndrm_render_minor {minor}\n"
        )
    assert names(machine, (0,)) == ["dri/renderD130", "kfd"]
    assert names(machine, (1,)) == ["dri/renderD128", "kfd"]
    assert sorted(names(machine, None)) == ["dri/renderD128", "dri/renderD130", "kfd"]


def test_without_kfd_in_sysfs_amds_gpus_are_counted_by_their_place_on_the_bus(machine: Machine) -> None:
    add(machine, "kfd", "dri/renderD128", "dri/renderD129", "dri/renderD130")
    for minor, vendor, bus in (
        (128, "0x1002", "0000:0f:00.0"),
        (129, "0x8086", "0000:00:02.0"),
        (130, "0x1002", "0000:03:00.0"),
    ):
        tell(machine.sys, f"devices/{bus}/vendor", f"{vendor}\n")
        tell(machine.sys, f"class/drm/renderD{minor}/dev", "")
        Path(machine.sys, f"class/drm/renderD{minor}/device").symlink_to(f"{machine.sys}/devices/{bus}")
    assert [names(machine, (index,))[0] for index in range(2)] == ["dri/renderD130", "dri/renderD128"]


def test_a_render_node_without_kfd_is_no_gpu_to_compute_on(machine: Machine) -> None:
    add(machine, "dri/renderD128")
    tell(machine.sys, "class/kfd/kfd/topology/nodes/0/properties", "drm_render_minor 128\n")
    assert "found no GPU" in gpu.missing(None, machine)


def test_nvidias_gpus_are_counted_before_amds(machine: Machine) -> None:
    add(machine, "nvidia0", "nvidiactl", "nvidia-uvm", "kfd", "dri/renderD128")
    tell(machine.sys, "class/kfd/kfd/topology/nodes/0/properties", "drm_render_minor 128\n")
    assert names(machine, (1,)) == ["dri/renderD128", "kfd"]
    assert "kfd" not in names(machine, (0,))


def test_wsl_gives_all_its_gpus_or_none(machine: Machine) -> None:
    add(machine, "dxg")
    assert names(machine, None) == ["dxg"]
    assert gpu.missing(None, machine) == ""
    with pytest.raises(SandboxError, match="which stands for all GPUs of WSL"):
        gpu.nodes((0,), machine)


def test_a_gpu_that_is_not_there_is_refused_naming_those_that_are(machine: Machine) -> None:
    add(machine, *NVIDIA)
    with pytest.raises(SandboxError) as fault:
        gpu.nodes((1, 2, 5), machine)
    assert str(fault.value).startswith(
        f"found 0 ({machine.dev}/nvidia0), 1 ({machine.dev}/nvidia1), expected 2, 5: name only what is there"
    )


def test_where_there_is_no_gpu_all_is_refused_and_none_is_not(machine: Machine) -> None:
    with pytest.raises(SandboxUnavailableError, match=r"sandbox\.gpu: found no GPU in .* or write gpu: none"):
        gpu.refuse_missing(None, machine)
    gpu.refuse_missing((), machine)
    assert not gpu.present(machine)


@pytest.mark.parametrize("what", ["link", "file", "folder", "pipe", "block device"])
def test_what_is_no_device_node_of_its_own_is_not_taken(machine: Machine, what: str) -> None:
    add(machine, "nvidiactl", "nvidia-uvm", "other")
    place = Path(machine.dev, "nvidia0")
    make: dict[str, Callable[[], object]] = {
        "link": lambda: place.symlink_to("other"),
        "file": place.touch,
        "folder": place.mkdir,
        "pipe": lambda: os.mkfifo(place),
        "block device": lambda: os.mknod(place, stat.S_IFBLK | 0o666, os.makedev(240, 250)),
    }
    make[what]()
    assert "found no GPU" in gpu.missing(None, machine)


def test_a_folder_of_nodes_that_is_a_link_is_not_followed(machine: Machine) -> None:
    add(machine, "kfd", "elsewhere/renderD128")
    tell(machine.sys, "class/kfd/kfd/topology/nodes/0/properties", "drm_render_minor 128\n")
    Path(machine.dev, "dri").symlink_to("elsewhere")
    assert "found no GPU" in gpu.missing(None, machine)


@pytest.mark.parametrize(
    ("absent", "remedy"),
    [
        ("nvidia-uvm", "CUDA needs it: sudo nvidia-modprobe -u -c=0"),
        ("nvidiactl", "load NVIDIA's driver: sudo nvidia-modprobe -c=0"),
    ],
)
def test_a_driver_that_is_half_loaded_is_said_with_the_command_that_loads_it(
    machine: Machine, absent: str, remedy: str
) -> None:
    add(machine, *(name for name in NVIDIA if name != absent))
    assert gpu.missing((0,), machine) == f"{machine.dev}/{absent} is missing; {remedy}"


@pytest.mark.parametrize(
    ("group", "mode", "lent"), [(44, 0o660, (44,)), (44, 0o666, ()), (0, 0o660, ()), (44, 0o640, ())]
)
def test_the_group_of_a_node_is_lent_where_it_is_needed_and_never_roots(
    machine: Machine, group: int, mode: int, lent: tuple[int, ...]
) -> None:
    add(machine, "nvidia0", mode=mode, group=group)
    add(machine, "nvidiactl", "nvidia-uvm")
    assert gpu.groups(gpu.nodes(None, machine)) == lent


def test_root_is_told_of_a_node_that_no_trial_could_open(machine: Machine) -> None:
    add(machine, "nvidia0", mode=0o600)
    add(machine, "nvidiactl", "nvidia-uvm")
    path = f"{machine.dev}/nvidia0"
    assert gpu.missing(None, machine) == (
        f"{path} is open to root alone (mode 0600, group root), and no trial is root: "
        f"chgrp video {path} && chmod 0660 {path}"
    )


_UNNAMED = 4_000_001


@pytest.mark.parametrize(
    ("mode", "group", "own", "remedy"),
    [
        (0o666, 0, [], None),
        (0o660, _UNNAMED, [_UNNAMED], None),
        (0o660, _UNNAMED, [44], f"join its group and log in again: sudo usermod -aG {_UNNAMED} $USER"),
        (0o600, _UNNAMED, [_UNNAMED], "open it to a group of yours: sudo chgrp NAME {path}"),
        (0o660, 0, [44], "open it to a group of yours: sudo chgrp NAME {path}"),
    ],
)
def test_an_ordinary_user_is_told_how_to_come_to_a_closed_node(
    machine: Machine, mode: int, group: int, own: list[int], remedy: str | None
) -> None:
    add(machine, "nvidia0", mode=mode, group=group)
    add(machine, "nvidiactl", "nvidia-uvm")
    path, name = f"{machine.dev}/nvidia0", group or "root"
    said = f"you may not open {path} (mode {mode:04o}, group {name}); {remedy}".format(path=path) if remedy else ""
    assert as_user(own, lambda: gpu.missing(None, machine)) == said


def test_only_parts_of_sysfs_and_libraries_that_exist_become_readable_and_only_with_gpus(machine: Machine) -> None:
    for name in (
        "class",
        "devices",
        "kernel",
        "fs",
        "module/nvidia",
        "module/nvidia_uvm",
        "module/kvm",
        "module/amdgpu",
    ):
        Path(machine.sys, name).mkdir(parents=True)
    Path(machine.run, "opengl-driver").mkdir()
    assert sorted(gpu.readable(None, machine)) == sorted(
        [f"{machine.run}/opengl-driver"]
        + [
            f"{machine.sys}/{name}"
            for name in ("class", "devices", "module/amdgpu", "module/nvidia", "module/nvidia_uvm")
        ]
    )
    assert gpu.readable((), machine) == ()


@pytest.mark.parametrize("gpus", [None, (), (0, 2)])
def test_the_gpus_of_a_trial_survive_the_way_to_the_supervisor(ground: Path, gpus: tuple[int, ...] | None) -> None:
    spec = make_lab(ground, "none", Launcher()).spec("", gpus=gpus)
    assert wire.spec_of(wire.decode(wire.encode(wire.spec_message(spec)))) == spec
