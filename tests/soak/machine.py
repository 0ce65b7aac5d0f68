"""File descriptors that run out, power that is cut at any byte, a journal that is damaged where no crash damages it."""

import os
import random
import resource
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from referee.sandbox.errors import RefereeError
from referee.session.opening import open_session
from referee.session.project import Project

from .findings import LOST, UNRESUMABLE, Finding
from .scene import Scene, losses
from .wire import DiedError
from .world import World

_ROUNDS = 12
_CUTS = 40


def no_descriptors(ground: Path, rng: random.Random) -> list[Finding]:
    """A working server may open hardly any more file: it says so, and goes on once it may."""
    scene, texts = Scene(World(ground, _token()).make()), losses()
    scene.does("run_trial", description="before", content=next(texts))
    pid = scene.server.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    for slack in range(_ROUNDS):
        used = max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + slack, hard))
        scene.tries("run_trial", description="few", content=next(texts))
        scene.tries(rng.choice(["revert", "keep", "read_results", "append_result", "read_program"]))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        scene.does("revert")
        scene.does("run_trial", description="after", content=next(texts))
    return scene.close()


def few_descriptors(ground: Path, rng: random.Random) -> list[Finding]:
    """Servers that were started with too few descriptors end or say so; one with enough goes on."""
    world = World(ground, _token()).make()
    scene, texts = Scene(world), losses()
    scene.does("run_trial", description="before", content=next(texts))
    scene.server.kill()
    for limit in sorted(rng.sample(range(8, 40), 5)):
        scene.server = world.serve("prlimit", f"--nofile={limit}")
        with suppress(DiedError):
            scene.server.greet()
            scene.tries("run_trial", description=f"with {limit}", content=next(texts))
            scene.tries("revert")
        scene.told.open.clear()
        scene.kill()
    scene.restart(judge=True)
    scene.does("run_trial", description="after", content=next(texts))
    return scene.close()


def power_cut(ground: Path, rng: random.Random) -> list[Finding]:
    """Power is cut: all that was synced is there at the next start, the torn rest is cut away and said."""
    world = World(ground, _token()).make()
    scene, texts = Scene(world), losses()
    for number in range(4):
        scene.does("run_trial", description=f"before {number}", content=next(texts))
    for _ in range(3):
        scene.call("keep")
        scene.does("read_program")
    scene.kill()
    synced, raw = world.synced(), world.journal.read_bytes()
    ends = [place for place in range(synced, len(raw)) if raw[place - 1 : place] == b"\n"]
    cuts = {synced, len(raw), len(raw) - 1, *ends, *rng.choices(range(synced, len(raw)), k=_CUTS)}
    saved = ground / "saved"
    shutil.copytree(world.home, saved / "home", symlinks=True)
    shutil.copytree(world.repo, saved / "repo", symlinks=True)
    for place in sorted(cuts):
        scene.found += _cut(world, saved, place, raw)
    scene.told.forget_cut(world.records())
    scene.server = world.serve()
    scene.server.greet()
    return scene.close()


def _cut(world: World, saved: Path, place: int, raw: bytes) -> Iterator[Finding]:
    home = world.home
    for name, folder in (("home", home), ("repo", world.repo)):
        shutil.rmtree(folder)
        shutil.copytree(saved / name, folder, symlinks=True)
    os.truncate(world.journal, place)
    project = Project(world.repo)
    try:
        open_session(project, world.tag).close()
    except RefereeError as fault:
        yield Finding(UNRESUMABLE, f"cut at {place}: {fault}")
    finally:
        project.git.close()
    records = world.records()
    whole = raw[:place].rpartition(b"\n")[0] + b"\n"
    if not world.journal.read_bytes().startswith(whole):
        yield Finding(LOST, f"cut at {place}: what was whole before the cut is not there")
    torn = [record["data"]["bytes_cut"] for record in records if record["kind"] == "repaired"]
    if torn != ([place - len(whole)] if place > len(whole) else []):
        yield Finding(LOST, f"cut at {place}: {place - len(whole)} bytes were torn, and the journal says {torn}")


def damaged(ground: Path, rng: random.Random) -> list[Finding]:
    """One byte inside the journal is changed: refused with its line and the way out, and the way out works."""
    world = World(ground, _token()).make()
    scene, texts = Scene(world), losses()
    scene.does("run_trial", description="before", content=next(texts))
    scene.does("run_trial", description="after", content=next(texts))
    scene.server.kill()
    good = world.journal.read_bytes()
    for _ in range(3):
        place = rng.randrange(good.index(b"\n") + 1, good[:-1].rindex(b"\n"))
        world.journal.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        line = good[:place].count(b"\n") + 1
        scene.server = world.serve()
        scene.server.greet()
        for tool in ("revert", "read_results"):
            answer = scene.says(f"line {line} ", f"line {line + 1} ", tool=tool)
            if "referee audit --verify" not in answer.text or "--tag" not in answer.text:
                scene.found.append(Finding(UNRESUMABLE, f"no way out is told: {answer.text[:300]}"))
        scene.server.kill()
    other = World(ground, world.token, "other")
    way_out = Scene(other)
    way_out.does("run_trial", description="under another tag", content=next(texts))
    scene.found += way_out.close()
    world.journal.write_bytes(good)
    scene.server = world.serve()
    scene.server.greet()
    return scene.close()


def _token() -> str:
    return f"{os.getpid()}55"
