"""Attacks on the network and on other processes' sockets. The witness counts what arrives at it."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.attacks.arena import Arena, Attack
from tests.attacks.proofs import CALLS, proofs, proved

_SOCKETS = (
    CALLS
    + """
import re, select, socket
HERE = "127.0.0.1"

def reach(family, kind, where, protocol=0):
    with socket.socket(family, kind, protocol) as sock:
        sock.settimeout(2)
        sock.connect(where)
        sock.send(b"x")
"""
)
_UNIX = _SOCKETS + "NAMES = [A['unix'], A['input_unix'], '\\0' + A['abstract']]\n"
# A packet of the internet protocol by hand: no checksum for UDP, the right one for the head.
_PACKET = (
    _SOCKETS
    + """
def packet():
    payload = struct.pack(">4H", 40000, A["udp"], 9, 0) + b"x"
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, 17, 0, *[socket.inet_aton(HERE)] * 2)
    total = sum(struct.unpack(">10H", head))
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return head[:10] + struct.pack(">H", total) + head[12:] + payload
"""
)
# The kernel remembers for a minute the end of a connection to the port that was listened on.
_LISTEN = (
    _SOCKETS
    + """
    sock.listen(1)
    port = sock.getsockname()[1]
    with socket.create_connection((HERE, port), timeout=2) as caller:
        sock.accept()[0].close()
        caller.recv(1)
    say("port", port)
"""
)
_CONNECTIONS = "/proc/net/tcp"


def _arrived(*names: str) -> Callable[[Arena], bool]:
    """Judge by the witness: something arrived at one of these."""
    return lambda arena: any(arena.server.seen()[name] for name in names)


def _listened_here(arena: Arena) -> bool:
    """Whether this machine's own table of connections knows the port on which the attack listened."""
    port = int(proofs(arena).get("port", "0"))
    local = f"0100007F:{port:04X}"
    return port != 0 and local in Path(_CONNECTIONS).read_text(encoding="ascii")


def _interfaces(arena: Arena) -> bool:
    """Whether the kernel told the attack the names of this machine's interfaces."""
    return set(proofs(arena).get("interfaces", "").split()) >= set(os.listdir("/sys/class/net"))


def _reach(name: str, words: str, *witnesses: str, network: bool = False) -> Attack:
    return Attack(name, f"{_SOCKETS}\nattempt(reach, {words})\n", _arrived(*witnesses), network=network)


ATTACKS: tuple[Attack, ...] = (
    _reach("tcp_connect", "socket.AF_INET, socket.SOCK_STREAM, (HERE, A['tcp'])", "tcp"),
    _reach("tcp6_connect", "socket.AF_INET6, socket.SOCK_STREAM, ('::1', A['tcp6'])", "tcp6"),
    _reach("tcp_mapped_connect", "socket.AF_INET6, socket.SOCK_STREAM, ('::ffff:' + HERE, A['tcp'])", "tcp"),
    # Not the protocol that a rule about TCP names, and yet one that ends at the same socket.
    _reach("mptcp_connect", "socket.AF_INET, socket.SOCK_STREAM, (HERE, A['tcp']), 262", "tcp"),
    _reach("udp_send", "socket.AF_INET, socket.SOCK_DGRAM, (HERE, A['udp'])", "udp"),
    Attack(
        "tcp_fast_open",
        _SOCKETS
        + """
MSG_FASTOPEN = 0x20000000
with socket.socket() as sock:
    sock.settimeout(2)
    sock.sendto(b"x", MSG_FASTOPEN, (HERE, A["tcp"]))
""",
        _arrived("tcp"),
    ),
    Attack(
        "tcp_listen",
        _LISTEN.replace("    sock.listen", "with socket.socket() as sock:\n    sock.bind((HERE, 0))\n    sock.listen"),
        _listened_here,
    ),
    # The kernel then chooses the port itself, and no rule about `bind` is asked.
    Attack(
        "tcp_listen_unbound",
        _LISTEN.replace("    sock.listen", "with socket.socket() as sock:\n    sock.listen"),
        _listened_here,
    ),
    _reach("abstract_unix", "socket.AF_UNIX, socket.SOCK_STREAM, '\\0' + A['abstract']", "abstract"),
    _reach("pathname_unix", "socket.AF_UNIX, socket.SOCK_STREAM, A['unix']", "unix"),
    _reach("pathname_unix_in_readable_dir", "socket.AF_UNIX, socket.SOCK_STREAM, A['input_unix']", "input"),
    _reach("pathname_unix_datagram", "socket.AF_UNIX, socket.SOCK_DGRAM, A['datagram']", "datagram"),
    Attack(
        "pathname_unix_by_link",
        _UNIX
        + """
for number, name in enumerate(NAMES[:2]):
    os.symlink(name, f"link{number}")
    attempt(reach, socket.AF_UNIX, socket.SOCK_STREAM, f"link{number}")
""",
        _arrived("unix", "input"),
    ),
    Attack(
        "dgram_pair_reconnect",
        _UNIX
        + """
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
attempt(one.connect, A["datagram"])
attempt(one.send, b"x")
""",
        _arrived("datagram"),
    ),
    # The network is given, other programs' local sockets are not.
    Attack(
        "unix_with_network",
        _UNIX
        + """
for name in NAMES:
    attempt(reach, socket.AF_UNIX, socket.SOCK_STREAM, name)
attempt(reach, socket.AF_UNIX, socket.SOCK_DGRAM, A["datagram"])
pair = attempt(socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM)
if pair:
    attempt(pair[0].connect, A["datagram"])
    attempt(pair[0].send, b"x")
""",
        _arrived("unix", "input", "abstract", "datagram"),
        network=True,
    ),
    Attack(
        "netlink",
        _SOCKETS
        + """
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
    sock.settimeout(2)
    sock.bind((0, 0))
    sock.send(struct.pack("IHHIIBxHiII", 32, 18, 0x301, 1, 0, 0, 0, 0, 0, 0))
    answer, names = b"", []
    while (part := sock.recv(1 << 20)) and struct.unpack_from("H", part, 4)[0] != 3:
        answer += part
    while len(answer) >= 32:
        size, at = struct.unpack_from("I", answer)[0], 32
        while at + 4 <= size:
            length, kind_of = struct.unpack_from("HH", answer, at)
            if kind_of == 3:
                names.append(answer[at + 4:at + length - 1].decode())
            at += max(4, (length + 3) & ~3)
        answer = answer[size:]
    say("interfaces", " ".join(names))
""",
        _interfaces,
    ),
    Attack(
        "packet_raw",
        _SOCKETS
        + """
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
    sock.bind(("lo", 3))
    sock.settimeout(2)
    reach(socket.AF_INET, socket.SOCK_DGRAM, (HERE, A["udp"]))
    while struct.pack(">H", A["udp"]) not in sock.recv(1 << 16):
        pass
    say("overheard", A["udp"])
""",
        proved("overheard"),
    ),
    Attack(
        "ip_raw",
        _PACKET
        + """
with socket.socket(socket.AF_INET, socket.SOCK_RAW, 255) as sock:
    sock.sendto(packet(), (HERE, 0))
""",
        _arrived("udp"),
    ),
    # Where a virtual machine has no loop of its own, the socket with an address of the machine's is the proof.
    Attack(
        "vsock",
        _SOCKETS
        + """
with socket.socket(40, socket.SOCK_STREAM) as sock:
    sock.bind((0xFFFFFFFF, 0xFFFFFFFF))
    say("port", sock.getsockname()[1])
if A["vsock"]:
    attempt(reach, 40, socket.SOCK_STREAM, (1, A["vsock"]))
""",
        lambda arena: "port" in proofs(arena) or bool(arena.server.seen()["vsock"]),
    ),
    Attack(
        "alg_socket",
        _SOCKETS
        + """
with socket.socket(38, socket.SOCK_SEQPACKET) as sock:
    sock.bind(("hash", "sha256"))
    with sock.accept()[0] as work:
        work.sendall(b"x")
        say("hash", work.recv(32).hex())
""",
        proved("hash", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
    ),
    Attack(
        "odd_families",
        _SOCKETS
        + """
made = []
for family in set(range(46)) - {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6}:
    for how in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, how).close()
        except OSError:
            continue
        say("family", family)
""",
        proved("family"),
    ),
    # Any answer of a name server of this machine counts, "no such name" too; nobody is asked about a real name.
    Attack(
        "dns",
        _SOCKETS
        + """
servers = re.findall(r"(?m)^nameserver\\s+([0-9.]+)$", open("/etc/resolv.conf").read())
question = struct.pack(">6H", 0x4D4D, 0x100, 1, 0, 0, 0) + b"\\x09localhost\\0" + struct.pack(">2H", 1, 1)
for server in servers[:2]:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        attempt(sock.sendto, question, (server, 53))
        answer = attempt(sock.recv, 512)
        if answer and answer[:2] == b"MM":
            say("answer", answer[3] & 15)
""",
        proved("answer"),
    ),
    Attack(
        "io_uring",
        _SOCKETS
        + """
ring = call(IO_URING_SETUP, 4, ctypes.create_string_buffer(120))
say("got", kind(ring))
""",
        proved("got", "anon_inode:[io_uring]"),
    ),
)
