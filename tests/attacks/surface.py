"""Attacks on the kernel's surface: calls that open more of it than a program needs, namespaces, mounts."""

from tests.attacks.arena import Arena, Attack
from tests.attacks.proofs import CALLS, proofs, proved, same_namespace


def _other_user_namespace(arena: Arena) -> bool:
    said = proofs(arena)
    return "after" in said and said["after"] != said["before"]


def _descriptor(name: str, code: str, kernel_name: str) -> Attack:
    """An attack that ends with a descriptor in `got`, which the kernel itself names."""
    return Attack(name, CALLS + code + "\nsay('got', kind(got))\n", proved("got", kernel_name))


_NEW_USER = (
    CALLS
    + """
say("before", os.readlink("/proc/self/ns/user"))
def done():
    os.write(1, f"after={os.readlink('/proc/self/ns/user')}\\n".encode())
    os._exit(0)
"""
)

_MOUNT = """
folder = os.environ["TMPDIR"] + "/" + A["mark"]
os.mkdir(folder)
libc.mount.argtypes = (ctypes.c_char_p,) * 3 + (ctypes.c_ulong, ctypes.c_char_p)
def mounted():
    return [line for line in open("/proc/self/mountinfo") if A["mark"] in line]
"""

ATTACKS: tuple[Attack, ...] = (
    # The key is looked for by its number in the kernel's own list, and ends by itself.
    Attack(
        "keyctl_persist",
        CALLS
        + """
key = call(ADD_KEY, b"user", A["mark"].encode(), b"kept", 4, -4)
call(KEYCTL, 15, key, 20)
buffer = ctypes.create_string_buffer(256)
call(KEYCTL, 6, key, buffer, 256)
say("key", buffer.value.decode())
""",
        lambda arena: arena.mark in proofs(arena).get("key", ""),
    ),
    _descriptor("userfaultfd", "got = call(USERFAULTFD, os.O_CLOEXEC | 1)", "anon_inode:[userfaultfd]"),
    _descriptor(
        "bpf_syscall", "got = call(BPF, 0, struct.pack('IIII', 2, 4, 4, 1) + bytes(112), 128)", "anon_inode:bpf-map"
    ),
    _descriptor(
        "perf_event",
        """
attributes = bytearray(128)
struct.pack_into("IIQ", attributes, 0, 1, 128, 1)
struct.pack_into("Q", attributes, 40, 0x61)
got = call(PERF, bytes(attributes), 0, -1, -1, 0)
""",
        "anon_inode:[perf_event]",
    ),
    _descriptor("fanotify", "got = call(FANOTIFY, 0x200, 0)", "anon_inode:[fanotify]"),
    Attack("unshare_userns", _NEW_USER + "call(UNSHARE, NEWUSER)\ndone()\n", _other_user_namespace),
    Attack(
        "clone_userns",
        _NEW_USER + "call(CLONE, NEWUSER | 17, 0, 0, 0, 0) or done()\nos.wait()\n",
        _other_user_namespace,
    ),
    Attack(
        "clone_userns_high_bits",
        _NEW_USER + "call(CLONE, (1 << 40) | NEWUSER | 17, 0, 0, 0, 0) or done()\nos.wait()\n",
        _other_user_namespace,
    ),
    Attack(
        "clone3_userns",
        _NEW_USER + "call(CLONE3, struct.pack('8Q', NEWUSER, 0, 0, 0, 17, 0, 0, 0), 64) or done()\nos.wait()\n",
        _other_user_namespace,
    ),
    Attack(
        "mount_tmpfs",
        CALLS
        + _MOUNT
        + """
try:
    if libc.mount(b"none", folder.encode(), b"tmpfs", 0, b"size=4096") == 0:
        say("mounted", len(mounted()))
finally:
    libc.umount2(folder.encode(), 2)
""",
        proved("mounted", "1"),
    ),
    Attack(
        "mount_in_own_namespace",
        CALLS
        + _MOUNT
        + """
call(UNSHARE, (NEWUSER if os.getuid() else 0) | NEWNS)
libc.mount(b"none", b"/", None, 0x44000, None)
if libc.mount(b"none", folder.encode(), b"tmpfs", 0, b"size=4096") == 0:
    say("mounted", len(mounted()))
""",
        proved("mounted", "1"),
    ),
    _descriptor(
        "mount_by_new_calls",
        """
context = call(FSOPEN, b"tmpfs", 0)
call(FSCONFIG, context, 6, 0, 0, 0)
got = call(FSMOUNT, context, 0, 0)
os.close(os.open("made", os.O_CREAT | os.O_WRONLY, dir_fd=got))
""",
        "/",
    ),
    _descriptor("open_tree_clone", "got = call(OPEN_TREE, -100, b'/', 1 | os.O_CLOEXEC)", "/"),
    Attack(
        "chroot",
        CALLS
        + """
folder = os.environ["TMPDIR"] + "/root"
os.makedirs(folder + "/" + A["mark"])
os.chroot(folder)
os.chdir("/")
say("root", os.listdir("/")[0])
""",
        lambda arena: proofs(arena).get("root") == arena.mark,
    ),
    Attack(
        "setns_host",
        CALLS
        + """
for pid in (1, A["pid"]):
    try:
        call(SETNS, os.open(f"/proc/{pid}/ns/net", os.O_RDONLY), NEWNET)
        say("net", os.readlink("/proc/self/ns/net"))
    except OSError:
        pass
""",
        lambda arena: same_namespace(arena, "net"),
    ),
    Attack(
        "setns_by_pidfd",
        CALLS
        + """
call(SETNS, os.pidfd_open(A["pid"]), NEWNET)
say("net", os.readlink("/proc/self/ns/net"))
""",
        lambda arena: same_namespace(arena, "net"),
    ),
)
