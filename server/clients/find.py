"""Finding a client's program, and saying how to get it where there is none."""

import os
import shutil

from .errors import ClientError


def program(name: str, install: str) -> str:
    """The absolute path of a program in PATH.

    Raises:
        ClientError: If there is none; `install` is the command that puts it there.
    """
    found = shutil.which(name)
    if found is None:
        raise ClientError(
            f"{name} is not in PATH. Install it with `{install}` and log in once by running `{name}`; "
            "or give another client's command line after `--`."
        )
    return os.path.abspath(found)
