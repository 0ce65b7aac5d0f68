"""Disks that fill up, become read-only or fail under a session. To be run in a mount namespace of its own."""

import os
import random
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.sandbox import witness

from .findings import Finding
from .scene import Scene, losses
from .world import World

_ROUNDS = 8
_MEGABYTES = 24
_CHUNKS = (1 << 16, 512)
_SLACKS = (0, 0, 512, 4096, 8192, 16384, 32768, 65536)  # bytes left free: what fails then is always something else
_READ_ONLY = "Read-only file system"


def full_state(ground: Path, rng: random.Random) -> list[Finding]:
    """The disk of the state is full: a clear error, nothing lost, and on it goes once there is room."""
    (ground / "state").mkdir()
    _mount("-t", "tmpfs", "-o", f"size={_MEGABYTES}m", "tmpfs", str(ground / "state"))
    return _filled(World(ground, _token()).make(), ground / "state", rng)


def full_repository(ground: Path, rng: random.Random) -> list[Finding]:
    """The disk of the repository is full: likewise."""
    world = World(ground, _token())
    world.repo.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={_MEGABYTES}m", "tmpfs", str(world.repo))
    world.repo /= "inner"
    return _filled(world.make(), world.repo.parent, rng)


def _filled(world: World, disk: Path, rng: random.Random) -> list[Finding]:
    scene, texts = Scene(world), losses()
    scene.does("run_trial", description="before", content=next(texts))
    for number in range(_ROUNDS):
        _fill(disk / "filler", rng.choice(_SLACKS))
        for tool, arguments in rng.choices(_calls(next(texts)), k=3):
            scene.tries(tool, **arguments)
        if number % 3 == 0:
            scene.restart(judge=False)  # judging needs room itself
            scene.tries("read_results")
            scene.tries("revert")
        (disk / "filler").unlink()
        scene.does("revert")
        scene.does("run_trial", description="after", content=next(texts))
    return scene.close()


def _calls(text: str) -> list[tuple[str, dict[str, Any]]]:
    trial = {"description": "full", "content": text}
    bare = ["run_eval", "keep", "revert", "append_result", "check_budget"]
    words: dict[str, dict[str, Any]] = {"run_eval": {"description": "full"}}
    return [("run_trial", trial)] * 4 + [("edit_target", {"content": text})] + [(t, words.get(t, {})) for t in bare]


def _fill(file: Path, slack: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for size in _CHUNKS:
            with suppress(OSError):
                while True:
                    os.write(descriptor, b"x" * size)
        os.ftruncate(descriptor, max(0, os.fstat(descriptor).st_size - slack))
    finally:
        os.close(descriptor)


def read_only_state(ground: Path, rng: random.Random) -> list[Finding]:
    """The disk of the state is read-only when a server starts: it says so; the next goes on."""
    del rng
    world = World(ground, _token()).make()
    scene, texts = Scene(world), losses()
    scene.does("run_trial", description="before", content=next(texts))
    scene.restart(judge=True)
    _mount("--bind", str(ground / "state"), str(ground / "state"))
    _mount("-o", "remount,bind,ro", str(ground / "state"))
    for tool, arguments in (("run_trial", {"description": "x", "content": next(texts)}), ("revert", {})):
        scene.says(_READ_ONLY, tool=tool, **arguments)
    scene.tries("read_results")
    _mount("-o", "remount,bind,rw", str(ground / "state"))
    scene.does("revert")
    scene.does("run_trial", description="after", content=next(texts))
    return scene.close()


def read_only_repository(ground: Path, rng: random.Random) -> list[Finding]:
    """The disk of the repository becomes read-only while a server works: it says so, and goes on afterwards."""
    del rng
    world = World(ground, _token()).make()
    scene, texts = Scene(world), losses()
    scene.does("run_trial", description="before", content=next(texts))
    _mount("--bind", str(world.repo), str(world.repo))
    scene.restart(judge=True)
    scene.does("revert")
    _mount("-o", "remount,bind,ro", str(world.repo))
    scene.says(_READ_ONLY, "insufficient permission", tool="run_trial", description="x", content=next(texts))
    scene.says(_READ_ONLY, "insufficient permission", tool="edit_target", content=next(texts))
    scene.tries("revert", to="0")
    scene.tries("read_results")
    _mount("-o", "remount,bind,rw", str(world.repo))
    scene.does("revert")
    scene.does("run_trial", description="after", content=next(texts))
    return scene.close()


def failing_disk(ground: Path, rng: random.Random) -> list[Finding]:
    """The disk of the state fails under a server, and turns read-only: that is said, and nothing synced is lost."""
    del rng
    below, state = ground / "below", ground / "state"
    image = below / "disk.img"
    below.mkdir()
    state.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={_MEGABYTES}m", "tmpfs", str(below))
    with image.open("wb") as file:
        file.truncate(4 * _MEGABYTES << 20)  # what is not yet written has no room of its own
    _run("mkfs.ext4", "-q", "-F", str(image))
    _mount("-o", "loop,errors=remount-ro", str(image), str(state))
    world = World(ground, _token()).make()
    scene, texts = Scene(world), losses()
    scene.does("run_trial", description="before", content=next(texts))
    _fill(below / "filler", 0)
    for _ in range(3):
        scene.tries("run_trial", description="x", content=next(texts))
        scene.tries("revert", to="0")
    scene.server.kill()
    witness.gone(world.survivors)
    _run("umount", str(state))
    (below / "filler").unlink()
    _mount("-o", "loop,errors=remount-ro", str(image), str(state))
    scene.restart(judge=True)
    scene.does("revert")
    scene.does("run_trial", description="after", content=next(texts))
    return scene.close()


def _mount(*words: str) -> None:
    _run("mount", *words)


def _run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, encoding="utf-8").stdout


def _token() -> str:
    return f"{os.getpid()}55"
