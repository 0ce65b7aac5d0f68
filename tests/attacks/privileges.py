"""Attacks on privileges: becoming root, using what only root may, the terminal, older doors of the processor."""

from tests.attacks.arena import Arena, Attack
from tests.attacks.proofs import CALLS, proofs, proved


def _privileged(arena: Arena) -> bool:
    return any(name.startswith("allowed-") for name in proofs(arena))


def _capable(arena: Arena) -> bool:
    return int(proofs(arena).get("capabilities", "0"), 16) != 0


_TERMINAL = (
    CALLS
    + """
import fcntl, pty, select, tty
TIOCSCTTY, TIOCSTI, TIOCLINUX = 0x540E, 0x5412, 0x541C
for descriptor in (0, 1, 2):
    assert not os.isatty(descriptor)
try:
    os.open("/dev/tty", os.O_RDWR)
    say("terminal", "of the machine")
except OSError:
    pass
if os.fork() == 0:
    os.setsid()
    ours, terminal = pty.openpty()
    tty.setraw(terminal)
    fcntl.ioctl(terminal, TIOCSCTTY, 0)
    call(IOCTL, terminal, TIOCSTI | HIGH, b"i")
    if select.select([terminal], [], [], 2)[0] and os.read(terminal, 1) == b"i":
        say("terminal", "injected")
    os._exit(0)
os.wait()
"""
)

# Every call refuses with EPERM unless the privilege is there, and only then looks at its other arguments, which
# nothing could carry out: no clock is set, nothing is stopped, whoever calls it.
_PRIVILEGED = (
    CALLS
    + """
import errno
def attempt(name, number, *arguments):
    try:
        call(number, *arguments)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOSYS, errno.EACCES):
            say("allowed-" + name, error.errno)
    else:
        say("allowed-" + name, 0)
tick = bytearray(208)
struct.pack_into("I", tick, 0, 0x4000)
struct.pack_into("q", tick, 88, 1)
"""
)

_USER_PROGRAMS = (
    CALLS
    + """
import subprocess
program = next(path for path in ("/usr/bin/su", "/bin/su", "/usr/bin/newgrp") if os.path.exists(path))
own = os.getuid()
started = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
end = time.monotonic() + 1
while time.monotonic() < end and started.poll() is None:
    line = next(line for line in open(f"/proc/{started.pid}/status") if line.startswith("Uid:"))
    real, effective = line.split()[1:3]
    if int(real) == own != 0 and int(effective) == 0:
        say("became", "root")
        break
started.kill()
"""
)

# int 0x80 with eax = 20 is getpid of the 32-bit ABI; x32 is number 39 with its bit.
_MACHINE_CODE = (
    CALLS
    + """
import mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b814000000cd80c3"))
function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
if X86 and function() == os.getpid():
    say("abi", "i386")
"""
)

_DEVICES = (
    CALLS
    + """
NAMES = "kvm fuse loop-control kmsg userfaultfd vsock net/tun mem cpu/0/msr btrfs-control"
for name in NAMES.split():
    for how in (os.O_RDWR, os.O_RDONLY):
        try:
            os.close(os.open("/dev/" + name, how | os.O_NONBLOCK))
            say("opened", name)
        except OSError:
            pass
"""
)

_SECRETS = (
    CALLS
    + """
def first(path):
    with open(path, "rb", buffering=0) as file:
        return file.read(16)
if int(first("/proc/kallsyms").split()[0] or b"0", 16):
    say("secret", "addresses")
for path in ("/proc/kcore", "/dev/mem", "/sys/kernel/debug/sleep_time", "/proc/kpagecount"):
    try:
        first(path)
        say("secret", path)
    except OSError:
        pass
try:
    buffer = ctypes.create_string_buffer(4096)
    if call(SYSLOG, 3, buffer, 4096) >= 0:
        say("secret", "kernel log")
except OSError:
    pass
"""
)

ATTACKS: tuple[Attack, ...] = (
    Attack("suid_binary", _USER_PROGRAMS, proved("became")),
    Attack(
        "setuid0",
        CALLS
        + """
for attempt in (lambda: os.seteuid(1), lambda: os.setresuid(0, 0, 0), lambda: os.setuid(0)):
    try:
        attempt()
    except OSError:
        pass
say("user", os.geteuid())
""",
        lambda arena: proofs(arena).get("user") == "0",
    ),
    Attack(
        "capabilities",
        CALLS
        + """
lines = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
say("capabilities", f"{int(lines['CapEff'], 16) | int(lines['CapPrm'], 16) | int(lines['CapAmb'], 16):x}")
""",
        _capable,
    ),
    Attack(
        "set_clock",
        _PRIVILEGED
        + """
attempt("clock", SETTIME, 0, struct.pack("ii", 100000, 0))
attempt("tick", ADJTIMEX, bytes(tick))
""",
        _privileged,
    ),
    Attack(
        "privileged_calls",
        _PRIVILEGED
        + """
attempt("reboot", REBOOT, 0, 0, 0, 0)
attempt("swapon", SWAPON, b"/nonexistent", 0)
attempt("acct", ACCT, b"/nonexistent/file")
attempt("sethostname", SETHOSTNAME, b"x", 1000)
attempt("syslog", SYSLOG, 10, 0, 0)
attempt("open_by_handle_at", BY_HANDLE, -100, struct.pack("Ii", 8, 1) + bytes(8), 0)
""",
        _privileged,
    ),
    Attack(
        "kcmp_parent",
        CALLS + "say('compared', call(KCMP, os.getpid(), os.getppid(), 0, 0, 0))\n",
        proved("compared"),
    ),
    Attack("tiocsti", "HIGH = 0\n" + _TERMINAL, proved("terminal")),
    Attack("tiocsti_high_bits", "HIGH = 1 << 32\n" + _TERMINAL, proved("terminal")),
    Attack(
        "x32_abi", CALLS + "if X86 and call(0x40000000 + 39) == os.getpid():\n    say('abi', 'x32')\n", proved("abi")
    ),
    Attack("i386_abi", _MACHINE_CODE, proved("abi")),
    Attack("devices", _DEVICES, proved("opened")),
    Attack("kernel_secrets", _SECRETS, proved("secret")),
)
