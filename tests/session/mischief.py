"""What may become of a file while nobody looks."""

import os
import shutil
import socket
from pathlib import Path


def to_nothing(place: Path) -> None:
    """Delete it."""
    place.unlink()


def to_link(place: Path) -> None:
    """Put a link to itself in its place."""
    place.rename(place.with_name("real"))
    place.symlink_to("real")


def to_hard_link(place: Path) -> None:
    """Give it a second name."""
    os.link(place, place.with_name("other name"))


def to_pipe(place: Path) -> None:
    """Put a pipe in its place, that nobody will ever write to."""
    place.unlink()
    os.mkfifo(place)


def to_folder(place: Path) -> None:
    """Put a folder in its place."""
    place.unlink()
    place.mkdir()


def to_socket(place: Path) -> None:
    """Put a socket in its place."""
    place.unlink()
    here = Path.cwd()
    os.chdir(place.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(place.name)
    finally:
        os.chdir(here)


def to_circle(place: Path) -> None:
    """Make its folder a link to itself."""
    shutil.rmtree(place.parent)
    place.parent.symlink_to(place.parent.name)


def to_endless(place: Path) -> None:
    """Make it four terabytes of nothing."""
    os.truncate(place, 1 << 42)
