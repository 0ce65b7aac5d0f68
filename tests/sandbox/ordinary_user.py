"""Run this Python once more as an ordinary user, who has other ways and other dangers; only root can."""

import os
import subprocess
import sys
from pathlib import Path

from referee.sandbox import scratch

_UID = 61234

# The interpreter may lie in root's closed home: in a private mount namespace that home is replaced
# by an empty open folder that holds nothing but the interpreter.
_SCRIPT = """
set -e
uid=$1 home=$2 base=$3
shift 3
mount --make-rprivate /
case $base in
/root/*)
    mkdir "$home/python"
    mount --bind "$base" "$home/python"
    mount -t tmpfs -o mode=0755 none /root
    mkdir -p "$base"
    mount --bind "$home/python" "$base"
esac
cd "$home"
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --bounding-set=-all -- env -i HOME="$home" TMPDIR="$home" "$@"
"""
_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib --strict-markers")
_CHECKOUT = Path(__file__).parent.parent.parent


def missing() -> str:
    """Say why nothing can be run as an ordinary user here; an empty text if it can."""
    if os.geteuid() != 0:
        return "already an ordinary user"
    if not scratch.reachable(__file__):
        return "the checkout lies in a folder that other users cannot enter"
    return ""


def run(ground: Path, *words: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments as an ordinary user whose home is made in `ground`."""
    ground.chmod(0o755)
    home = ground / "home"
    home.mkdir()
    os.chown(home, _UID, _UID)
    command = ["unshare", "-m", "sh", "-c", _SCRIPT, "sh", str(_UID), str(home), os.path.realpath(sys.base_prefix)]
    return subprocess.run(
        [*command, f"PYTHONPATH={_CHECKOUT}", sys.executable, "-B", *words],
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip


def run_tests(ground: Path, *words: str, seconds: float) -> None:
    """Run tests as an ordinary user; `words` are pytest's arguments.

    Raises:
        AssertionError: one failed; the message is the end of what pytest said.
    """
    done = run(ground, *_PYTEST, *words, "--rootdir", str(_CHECKOUT), seconds=seconds)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
