"""What tells one machine from another, or what else runs on it: of little use to an attacker, and still not given."""

import re
import socket
from collections.abc import Callable
from pathlib import Path

from tests.attacks.arena import Arena, Attack
from tests.attacks.proofs import CALLS, proofs

_PROC = "a Landlock trial keeps the machine's /proc and its namespaces"
_PUBLIC = "said to every process; no namespace covers it"


def _shows(path: str) -> Callable[[Arena], bool]:
    """Whether what a file of the machine says stands in the trial's output."""

    def broke(arena: Arena) -> bool:
        text = Path(path).read_text(encoding="ascii").strip() if Path(path).exists() else ""
        return bool(text) and text in arena.lab.said()

    return broke


def _host_name(arena: Arena) -> bool:
    return socket.gethostname() in arena.lab.said().split()


def _host_path(arena: Arena) -> bool:
    """Whether the trial knows a path of the host that it was not told: the name of its own folder there."""
    return any("trial-" in line and str(arena.lab.scratch) in line for line in arena.lab.said().splitlines())


def _sees_port(arena: Arena) -> bool:
    """Whether the witness's listening port is among those that the kernel lists."""
    return f"{arena.server.address['tcp']:04X} 00000000:0000 0A" in arena.lab.said()


def _sees_interfaces(arena: Arena) -> bool:
    """Whether the trial names a network interface of the machine; every namespace has its own `lo`."""
    names = {name for _, name in socket.if_nameindex()} - {"lo"}
    return bool(names & set(re.findall(r"\w+", arena.lab.said())))


def _kernel_log(arena: Arena) -> bool:
    return "<kernel log>" in arena.lab.said()


def _kernel_memory(arena: Arena) -> bool:
    return bool(proofs(arena).get("memory"))


def _see(name: str, *paths: str, broke: Callable[[Arena], bool], known: str) -> Attack:
    return Attack(name, f"for path in {paths!r}: attempt(lambda: print(open(path).read()))", broke, known=known)


ATTACKS: tuple[Attack, ...] = (
    _see(
        "boot_id",
        "/proc/sys/kernel/random/boot_id",
        broke=_shows("/proc/sys/kernel/random/boot_id"),
        known=_PUBLIC,
    ),
    _see("machine_id", "/etc/machine-id", "/var/lib/dbus/machine-id", broke=_shows("/etc/machine-id"), known="in /etc"),
    Attack("host_name", "print(os.uname().nodename)", _host_name, known=_PROC),
    _see("mountinfo", "/proc/self/mountinfo", "/proc/self/mountstats", broke=_host_path, known="names, no content"),
    _see("proc_net", "/proc/net/tcp", "/proc/self/net/tcp", "/proc/1/net/tcp", broke=_sees_port, known=_PROC),
    Attack(
        "interfaces",
        "import socket\nprint(attempt(socket.if_nameindex), attempt(os.listdir, '/sys/class/net'))\n"
        "attempt(lambda: print(open('/proc/net/dev').read()))",
        _sees_interfaces,
        known=_PROC,
    ),
    Attack(
        "kernel_log",
        CALLS
        + """
def read_all(descriptor):
    print("<kernel log>", os.read(descriptor, 8192)[:10])
descriptor = attempt(os.open, "/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
if descriptor is not None:
    attempt(read_all, descriptor)
buffer = ctypes.create_string_buffer(4096)
if attempt(call, SYSLOG, 3, buffer, 4096):
    print("<kernel log>", buffer.value[:10])
""",
        _kernel_log,
    ),
    Attack(
        "kernel_memory",
        """
for path, place in (("/proc/kcore", 0), ("/dev/mem", 0), ("/dev/kmem", 0), ("/proc/kallsyms", 0)):
    data = attempt(lambda: os.pread(os.open(path, os.O_RDONLY), 16, place)) or b""
    if data.strip(b"0 \\0"[:3]) and not data.startswith(b"0000000000000000"):
        print(f"memory={path} {data!r}")
""",
        _kernel_memory,
    ),
)
