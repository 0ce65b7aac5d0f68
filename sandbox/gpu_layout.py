"""Where drivers put the device nodes of their GPUs, and in which order they count these.

Guarantee: only character devices that stand under a driver's own name and behind no link are found. Covered: NVIDIA
(MIG instances included), AMD with ROCm, WSL.

Sources: nvidia-container-toolkit (the nodes of a container), NVIDIA's MIG user guide (`nvidia-caps`), ROCm's page on
containers, the kernel's KFD topology in sysfs; Flatpak for the parts of sysfs.
"""

import os
import re
import stat
from dataclasses import dataclass

NVIDIA_NEEDS = ("nvidiactl", "nvidia-uvm")
INSTANCES = "nvidia-caps"
_NVIDIA_USES = ("nvidia-uvm-tools", "nvidia-modeset")
# Those before it are to configure and to watch the MIG instances of every GPU.
_FIRST_INSTANCE = 3
_NO_PLACE = 1 << 16
_AMD_VENDOR = "0x1002"
_SYSFS = ("bus", "class", "dev", "devices")
_MODULES = re.compile(r"nvidia.*|amdgpu|dxgkrnl")
_LIBRARIES = ("opengl-driver", "opengl-driver-32")
_MINOR = re.compile(r"^Device Minor:\s*(\d+)", re.MULTILINE)
_RENDER_MINOR = re.compile(r"^drm_render_minor ([1-9]\d*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a machine's devices, its file systems of facts and its running state are mounted."""

    dev: str = "/dev"
    sys: str = "/sys"
    proc: str = "/proc"
    run: str = "/run"


HERE = Machine()


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: its own node, the driver's nodes that it cannot do without, and further ones that may not be there."""

    node: str
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


def numbered(machine: Machine) -> tuple[Gpu, ...]:
    """Return the GPUs that can be given one by one: NVIDIA's as nvidia-smi counts them, then AMD's as ROCm does."""
    return (*_nvidia(machine), *_amd(machine))


def together(machine: Machine) -> tuple[Gpu, ...]:
    """Return what gives all GPUs at once: WSL's node."""
    path = f"{machine.dev}/dxg"
    return (Gpu(path),) if is_device(path) else ()


def facts(machine: Machine) -> tuple[str, ...]:
    """Return what drivers read outside the usual system folders, as far as it exists: parts of sysfs, libraries."""
    modules = [f"module/{name}" for name in _names(f"{machine.sys}/module") if _MODULES.fullmatch(name)]
    wanted = [f"{machine.run}/{name}" for name in _LIBRARIES]
    wanted += [f"{machine.sys}/{name}" for name in (*_SYSFS, *modules)]
    return tuple(path for path in wanted if os.path.exists(path))


def is_device(path: str) -> bool:
    """Whether a character device stands there, behind no link."""
    try:
        return stat.S_ISCHR(os.lstat(path).st_mode) and not os.path.islink(os.path.dirname(path))
    except OSError:
        return False


def _nvidia(machine: Machine) -> tuple[Gpu, ...]:
    dev, places = machine.dev, _bus_places(f"{machine.proc}/driver/nvidia/gpus")
    numbers = [int(name[6:]) for name in _names(dev) if re.fullmatch(r"nvidia\d+", name)]
    instances = [name for name in _names(f"{dev}/{INSTANCES}") if _is_instance(name)]
    needs = tuple(f"{dev}/{name}" for name in NVIDIA_NEEDS)
    uses = (*(f"{dev}/{name}" for name in _NVIDIA_USES), *(f"{dev}/{INSTANCES}/{name}" for name in instances))
    ordered = sorted(numbers, key=lambda number: (places.get(number, _NO_PLACE), number))
    return tuple(Gpu(path, needs, uses) for number in ordered if is_device(path := f"{dev}/nvidia{number}"))


def _is_instance(name: str) -> bool:
    number = re.fullmatch(r"nvidia-cap(\d+)", name)
    return number is not None and int(number[1]) >= _FIRST_INSTANCE


def _bus_places(folder: str) -> dict[int, int]:
    """Return each GPU's place on the bus by the number of its node: the driver may number them in another order."""
    minors = (_MINOR.search(_text(f"{folder}/{bus}/information")) for bus in _names(folder))
    return {int(minor[1]): place for place, minor in enumerate(minors) if minor}


def _amd(machine: Machine) -> tuple[Gpu, ...]:
    shared = f"{machine.dev}/kfd"
    if not is_device(shared):
        return ()
    paths = [f"{machine.dev}/dri/renderD{minor}" for minor in _kfd_minors(machine) or _drm_minors(machine)]
    return tuple(Gpu(path, (shared,)) for path in paths if is_device(path))


def _kfd_minors(machine: Machine) -> list[int]:
    """Return the render nodes in the order of KFD, which lists processors as well, with 0 for their node."""
    folder = f"{machine.sys}/class/kfd/kfd/topology/nodes"
    places = sorted((name for name in _names(folder) if name.isdecimal()), key=int)
    minors = (_RENDER_MINOR.search(_text(f"{folder}/{place}/properties")) for place in places)
    return [int(minor[1]) for minor in minors if minor]


def _drm_minors(machine: Machine) -> list[int]:
    """Return AMD's render nodes in the order of the bus."""
    folder = f"{machine.sys}/class/drm"
    minors = [int(name[7:]) for name in _names(folder) if re.fullmatch(r"renderD\d+", name)]
    amd = [minor for minor in minors if _text(f"{folder}/renderD{minor}/device/vendor").strip() == _AMD_VENDOR]
    return sorted(amd, key=lambda minor: (os.path.realpath(f"{folder}/renderD{minor}/device"), minor))


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
