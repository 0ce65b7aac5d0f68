"""Refuse namespaces to a command, in one of two ways; run as a script: `refusing.py WAY WORD...`.

`switched-off`: no user namespace may be made, as with `user.max_user_namespaces = 0` on the machine. For an ordinary
user: the setting is that of a user namespace around the command, in which it has no right.
`filtered`: a system call filter refuses everything that makes or enters namespaces and mounts, as in a container.
"""

import os
import sys
from pathlib import Path

from referee.sandbox import kernel, seccomp

_SETTING = "/proc/sys/user/max_user_namespaces"


def switch_off() -> None:
    """Set it in a user namespace of our own; the rights that we have in there end with the next exec."""
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        Path("/proc/self", name).write_text(text, encoding="ascii")
    Path(_SETTING).write_text("0", encoding="ascii")


def filter_out() -> None:
    """Install the filter that a trial itself gets."""
    kernel.no_new_privileges()
    setattr(seccomp, "_PR_SET_DUMPABLE", 0xFFFF)  # noqa: B010 - containers let a server hide its memory
    kernel.install_filter(seccomp.build("local"))


WAYS = {"switched-off": switch_off, "filtered": filter_out}

if __name__ == "__main__":
    WAYS[sys.argv[1]]()
    os.environ["REFUSED"] = sys.argv[1]
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell is wanted
