"""What code under test tries to reach, in every backend that confines. Each attack works unconfined."""

import os
import socket
from pathlib import Path

import anyio
import pytest
from referee.sandbox.launch import Launcher
from referee.sandbox.spec import TrialSpec

from .conftest import Lab

_TRY = """
import os, socket, sys
try:
    {attack}
except OSError as error:
    print("refused", error)
else:
    print("worked")
"""


def _attack(lab: Lab, attack: str) -> str:
    run = lab.run(_TRY.format(attack=attack))
    assert run.outcome == "ok", lab.said()
    return lab.said()


@pytest.fixture
def secret(ground: Path) -> Path:
    """A file that anybody may read and write, outside the project."""
    folder = ground / "other-repository"
    folder.mkdir()
    folder.chmod(0o777)
    path = folder / "secret"
    path.write_text("hunter2")
    path.chmod(0o666)
    return path


@pytest.mark.promise("confined trial")
def test_a_file_outside_cannot_be_read(confined: Lab, secret: Path) -> None:
    assert "refused" in _attack(confined, f"print(open({str(secret)!r}).read())")
    assert "hunter2" not in confined.said()


@pytest.mark.promise("confined trial")
def test_a_file_outside_cannot_be_written(confined: Lab, secret: Path) -> None:
    assert "refused" in _attack(confined, f"open({str(secret)!r}, 'a').write('x')")
    assert "refused" in _attack(confined, f"os.truncate({str(secret)!r}, 0)")
    assert "refused" in _attack(confined, f"os.remove({str(secret)!r})")
    assert secret.read_text() == "hunter2"


def test_nothing_outside_changes_its_mode_or_times(confined: Lab, secret: Path) -> None:
    if confined.key == "landlock-copy" and os.geteuid() != 0:
        pytest.skip("said in the capabilities: files is partial there")
    before = secret.stat()
    assert "refused" in _attack(confined, f"os.chmod({str(secret)!r}, 0)")
    assert "refused" in _attack(confined, f"os.utime({str(secret)!r}, (1, 1))")
    assert secret.stat() == before


def test_a_link_to_a_file_outside_gives_nothing(confined: Lab, secret: Path) -> None:
    assert "refused" in _attack(confined, f"os.symlink({str(secret)!r}, 'l'); print(open('l').read())")
    assert "refused" in _attack(confined, f"os.link({str(secret)!r}, 'h'); print(open('h').read())")
    assert "hunter2" not in confined.said()


@pytest.mark.promise("confined trial")
def test_a_secret_in_the_home_cannot_be_read(confined: Lab, ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = ground / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id").write_text("hunter2")
    monkeypatch.setenv("HOME", str(home))

    async def run() -> None:
        async with Launcher() as launcher:
            code = f"import os\nprint(open({str(home / '.ssh' / 'id')!r}).read())"
            measured = await launcher.run(confined.spec(code), confined.key)
            assert measured.exit_code == 1
            listed = await launcher.run(confined.spec("import os; print(os.listdir(os.environ['HOME']))"), confined.key)
            assert listed.outcome == "ok"

    anyio.run(run)
    assert confined.said() == "[]\n"


def test_the_state_of_the_server_cannot_be_read(confined: Lab) -> None:
    spec: TrialSpec = confined.spec("")
    for path in (spec.snapshot, spec.log, str(Path(spec.scratch).parent)):
        assert "refused" in _attack(confined, f"os.listdir({path!r}) if os.path.isdir({path!r}) else open({path!r})")


@pytest.mark.promise("confined trial")
def test_no_connection_reaches_the_machine(confined: Lab, ground: Path) -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as local:
        tcp.bind(("127.0.0.1", 0))
        local.bind(str(ground / "socket"))
        for sock in (tcp, local):
            sock.listen(1)
            sock.settimeout(0)
        port = tcp.getsockname()[1]
        assert "refused" in _attack(confined, f"socket.create_connection(('127.0.0.1', {port}), timeout=5)")
        assert "refused" in _attack(confined, f"socket.socket(socket.AF_UNIX).connect({str(ground / 'socket')!r})")
        for sock in (tcp, local):
            with pytest.raises(BlockingIOError):
                sock.accept()


def test_an_abstract_socket_cannot_be_reached(confined: Lab) -> None:
    name = f"\0referee-{confined.token}"
    with socket.socket(socket.AF_UNIX) as local:
        local.bind(name)
        local.listen(1)
        assert "refused" in _attack(confined, f"socket.socket(socket.AF_UNIX).connect({name!r})")


@pytest.mark.parametrize(
    "path", ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/etc/passwd", "/usr/bin/python3", "/dev/x", "/x"]
)
def test_the_machine_cannot_be_written(confined: Lab, path: str) -> None:
    assert "refused" in _attack(confined, f"os.close(os.open({path!r}, os.O_WRONLY | os.O_CREAT))")
    assert not Path("/x").exists()


@pytest.mark.promise("confined trial")
def test_no_capability_and_no_way_to_one_is_left(confined: Lab) -> None:
    confined.run("print(open('/proc/self/status').read())")
    status = dict(line.split(":\t", 1) for line in confined.said().splitlines() if ":\t" in line)
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert status["Uid"].split()[0] != "0"


@pytest.mark.parametrize(
    "attack",
    [
        "os.setuid(0)",
        "os.chroot('/')",
        "os.setns(os.open('/proc/self/ns/user', 0), 0) if hasattr(os, 'setns') else os.chroot('/')",
        "os.mkfifo('f'); os.mknod('disk', 0o60600, os.makedev(8, 0))",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "socket.socket(40, socket.SOCK_STREAM)",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    ],
)
def test_a_privileged_act_is_refused(confined: Lab, attack: str) -> None:
    assert "refused" in _attack(confined, attack)


@pytest.mark.promise("confined trial")
def test_the_server_can_be_neither_signalled_nor_traced_nor_read(confined: Lab) -> None:
    server = os.getpid()
    born = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    code = f"""
import os
try:
    seen = open("/proc/{server}/stat").read().rpartition(")")[2].split()[19] == "{born}"
except OSError:
    seen = False
for name, attempt in [
    ("signal", lambda: os.kill({server}, 0)),
    ("environ", lambda: open("/proc/{server}/environ").read()),
    ("memory", lambda: open("/proc/{server}/mem", "rb")),
    ("root", lambda: os.listdir("/proc/{server}/root")),
]:
    try:
        attempt()
    except OSError:
        continue
    if seen:
        print(name)
"""
    assert confined.run(code).outcome == "ok"
    assert confined.said() == ""


def test_network_is_given_when_asked_for_and_nothing_else(confined: Lab, ground: Path) -> None:
    unix = socket.AF_UNIX
    with socket.socket() as tcp, socket.socket(unix) as local, socket.socket(unix) as abstract:
        tcp.bind(("127.0.0.1", 0))
        local.bind(str(ground / "socket"))
        abstract.bind(f"\0referee-{confined.token}")
        for sock in (tcp, local, abstract):
            sock.listen(1)
        attack = f"socket.create_connection(('127.0.0.1', {tcp.getsockname()[1]}), timeout=5)"
        assert confined.run(_TRY.format(attack=attack), network=True).outcome == "ok"
        assert confined.said() == "worked\n"
        for address in (str(ground / "socket"), f"\0referee-{confined.token}"):
            attack = f"socket.socket(socket.AF_UNIX).connect({address!r})"
            confined.run(_TRY.format(attack=attack), network=True)
            assert "refused" in confined.said()
