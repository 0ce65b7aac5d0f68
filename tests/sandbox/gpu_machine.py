"""A machine with GPUs, as far as their device nodes: a private /dev in which harmless devices bear a driver's names."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from referee.sandbox import wire
from referee.sandbox.spec import TrialSpec

NVIDIA = ("nvidia0:full", "nvidia1:zero", "nvidiactl:null", "nvidia-uvm:null")
_UNSHARE = ("unshare", "-m") if os.geteuid() == 0 else ("unshare", "-m", "--user", "--map-current-user", "--keep-caps")

# A node is `name:device`, or where root makes it `name:device:mode:group`. To an ordinary user it is that device's own
# file, to which a rule of Landlock applies under any name: for a closed node take ptmx, which no trial is given.
_SCRIPT = r"""
set -e
new=$1 nodes=$2 over=$3
shift 3
mount --make-rprivate /
mkdir "$new"
mount -t tmpfs -o mode=0755 none "$new"
for name in null zero full random urandom tty; do
    touch "$new/$name"
    mount --bind "/dev/$name" "$new/$name"
done
mkdir "$new/shm" "$new/pts"
mount -t tmpfs -o mode=1777 none "$new/shm"
mount --rbind /dev/pts "$new/pts"
ln -s pts/ptmx "$new/ptmx"
ln -s /proc/self/fd "$new/fd"
for node in $nodes; do
    IFS=: read -r name device mode group <<END
$node
END
    mkdir -p "$(dirname "$new/$name")"
    if [ "$(id -u)" = 0 ]; then
        mknod -m "${mode:-0666}" "$new/$name" c $(stat -c '0x%t 0x%T' "/dev/$device")
        chown "0:${group:-0}" "$new/$name"
    else
        touch "$new/$name"
        mount --bind "/dev/$device" "$new/$name"
    fi
done
mount --rbind "$new" /dev
for pair in $over; do mount --bind "${pair%:*}" "${pair#*:}"; done
exec setpriv --inh-caps=-all --ambient-caps=-all -- "$@"
"""

_RUN = """
import anyio, json, sys
from referee.sandbox import wire
from referee.sandbox.errors import SandboxError
from referee.sandbox.launch import Launcher

async def main(request):
    spec = wire.spec_of(request["spec"])
    async with Launcher(request["only"]) as launcher:
        try:
            run = await (launcher.measure(spec) if request["key"] is None else launcher.run(spec, request["key"]))
        except SandboxError as fault:
            return {"fault": f"{type(fault).__name__}: {fault}"}
    return {"outcome": run.outcome, "reason": run.reason}

print(json.dumps(anyio.run(main, json.load(sys.stdin))))
"""


@cache
def missing() -> str:
    """Say why no such machine can be made here; an empty text if it can."""
    with tempfile.TemporaryDirectory() as ground:
        done = run(Path(ground), ("nvidia0:null",), "true")
    return done.stderr.strip()[:200] if done.returncode else ""


def run(
    ground: Path, nodes: tuple[str, ...], *words: str, given: str = "", over: tuple[str, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    """Run a command on a machine whose /dev holds the usual devices and these nodes.

    Args:
        ground: An empty folder is made in it and removed.
        nodes: `name:device` each.
        words: The command.
        given: Its standard input.
        over: What else is mounted there, `source:place` each.
    """
    command = [*_UNSHARE, "sh", "-c", _SCRIPT, "sh", str(ground / "dev"), " ".join(nodes), " ".join(over), *words]
    try:
        return subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=100, check=False, encoding="utf-8"
        )
    finally:
        with suppress(FileNotFoundError):
            (ground / "dev").rmdir()


def trial(
    spec: TrialSpec,
    ground: Path,
    nodes: tuple[str, ...],
    *,
    key: str | None,
    only: str | None = None,
    over: tuple[str, ...] = (),
) -> Any:
    """Run a trial there, in one backend or by `measure`: its `outcome` and `reason`, or the `fault`."""
    request = json.dumps({"spec": wire.spec_message(spec), "key": key, "only": only})
    done = run(ground, nodes, sys.executable, "-c", _RUN, given=request, over=over)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
