"""Root runs all of this folder once more as an ordinary user, who has other ways and other dangers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from referee.sandbox import scratch

_UID = "61234"
_HERE = Path(__file__).parent
_FILES = ("test_conformance.py", "test_containment.py", "test_death.py", "test_choice.py")

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


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(os.geteuid() != 0, reason="already an ordinary user")
@pytest.mark.parametrize("file", _FILES)
def test_an_ordinary_user_gets_the_same_promises(ground: Path, file: str) -> None:
    if not scratch.reachable(str(_HERE / file)):
        pytest.skip("the checkout lies in a folder that other users cannot enter")
    ground.chmod(0o755)
    home = ground / "home"
    home.mkdir()
    os.chown(home, int(_UID), int(_UID))
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib", str(_HERE / file)]
    command = ["unshare", "-m", "sh", "-c", _SCRIPT, "sh", _UID, str(home), os.path.realpath(sys.base_prefix)]
    done = subprocess.run(
        [*command, sys.executable, "-B", *tests, "--rootdir", str(_HERE.parent.parent)],
        capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
