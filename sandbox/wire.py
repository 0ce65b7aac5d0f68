"""Messages between server and supervisor: one JSON value per line over a stream socket.

To a trial's process go its setting and its order; it answers with a measurement, with a fault, or, while nothing
was run yet, with `stale`.
"""

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from .errors import SandboxError
from .spec import Cache, Jail, Level, Limits, Measurement, Retain, Score, TrialSpec

_CHUNK = 1 << 16
LONGEST = 64 * 1024 * 1024


def encode(message: Mapping[str, Any]) -> bytes:
    """Return a message as one line."""
    return json.dumps(message).encode("ascii") + b"\n"


def receive(sock: socket.socket) -> dict[str, Any]:
    """Read one message and no byte beyond it; an empty one if the other side has gone."""
    data = bytearray()
    while not data.endswith(b"\n") and len(data) < LONGEST:
        ahead = sock.recv(_CHUNK, socket.MSG_PEEK)
        if not ahead:
            return {}
        data += sock.recv(ahead.find(b"\n") + 1 or len(ahead))
    return decode(bytes(data))


def decode(line: bytes) -> dict[str, Any]:
    """Return the message of one line.

    Raises:
        SandboxError: it is none.
    """
    try:
        message = json.loads(line)
    except ValueError as error:
        raise SandboxError(f"a message between server and supervisor was cut off: {error}") from error
    return dict(message)


def setting(spec: TrialSpec) -> TrialSpec:
    """Return what a trial's world is built from: all but the draft, where it leaves something, and its time."""
    limits = replace(spec.limits, wall_seconds=0.0)
    score = spec.score and replace(spec.score, log=_any(spec.score.log), total_seconds=0.0)
    return replace(spec, target_text="", log=_any(spec.log), limits=limits, score=score, retain=None, channels=())


def _any(log: str) -> str:
    return f"{log.rpartition('/')[0]}/log"


def order(spec: TrialSpec) -> bytes:
    """Return the message that adds to a setting what it lacks."""
    message = {"target_text": spec.target_text, "log": spec.log, "wall_seconds": spec.limits.wall_seconds}
    score = {"log": spec.score.log, "total_seconds": spec.score.total_seconds} if spec.score else None
    return encode(message | {"score": score, "retain": spec.retain and asdict(spec.retain), "channels": spec.channels})


def ordered(spec: TrialSpec, message: Mapping[str, Any]) -> TrialSpec:
    """Return the trial that a setting and its order make."""
    limits = replace(spec.limits, wall_seconds=message["wall_seconds"])
    score = spec.score and replace(spec.score, **message["score"])
    retain = _retain_of(message["retain"])
    told = {"target_text": message["target_text"], "log": message["log"], "channels": tuple(message["channels"])}
    return replace(spec, **told, limits=limits, score=score, retain=retain)


def spec_message(spec: TrialSpec) -> dict[str, Any]:
    """Return a trial's specification as plain JSON data."""
    plain = {field.name: getattr(spec, field.name) for field in fields(spec)}
    caches = [asdict(cache) for cache in spec.caches]
    parts = {"score": _plain(spec.score), "jail": _plain(spec.jail), "retain": spec.retain and asdict(spec.retain)}
    return plain | {"env": dict(spec.env), "limits": asdict(spec.limits), "caches": caches} | parts


def _plain(part: Score | Jail | None) -> dict[str, Any] | None:
    if part is None:
        return None
    return {field.name: getattr(part, field.name) for field in fields(part)} | {"env": dict(part.env)}


def spec_of(message: Mapping[str, Any]) -> TrialSpec:
    """Return the specification that `spec_message` made plain."""
    fields: dict[str, Any] = dict(message)
    fields |= {key: tuple(message[key]) for key in ("argv", "readable", "metrics", "secrets", "channels")}
    fields["gpus"] = None if message["gpus"] is None else tuple(message["gpus"])
    fields |= {"minimum": Level(message["minimum"]), "limits": Limits(**message["limits"])}
    fields["caches"] = tuple(Cache(**cache) for cache in message["caches"])
    fields["score"] = None if message["score"] is None else _score_of(message["score"])
    fields["jail"] = None if message["jail"] is None else _jail_of(message["jail"])
    fields["retain"] = _retain_of(message["retain"])
    return TrialSpec(**fields)


def _retain_of(message: Mapping[str, Any] | None) -> Retain | None:
    if message is None:
        return None
    fields: dict[str, Any] = dict(message)
    fields["paths"] = tuple(message["paths"])
    return Retain(**fields)


def _jail_of(message: Mapping[str, Any]) -> Jail:
    fields: dict[str, Any] = dict(message)
    fields["readable"] = tuple(message["readable"])
    return Jail(**fields)


def _score_of(message: Mapping[str, Any]) -> Score:
    fields: dict[str, Any] = dict(message)
    fields |= {key: tuple(message[key]) for key in ("argv", "readable", "artifacts", "secrets")}
    return Score(**fields)


def measurement_of(message: Mapping[str, Any]) -> Measurement:
    """Return the measurement that `asdict` made plain."""
    fields: dict[str, Any] = dict(message)
    fields |= {key: tuple(message[key]) for key in ("touched", "notes", "channels")}
    fields["level"] = Level(message["level"])
    return Measurement(**fields)
