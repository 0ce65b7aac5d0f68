"""Messages between server and supervisor: one JSON value per line over a stream socket."""

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .errors import SandboxError
from .spec import Level, Limits, Measurement, TrialSpec

_CHUNK = 1 << 16
LONGEST = 64 * 1024 * 1024


def encode(message: Mapping[str, Any]) -> bytes:
    """Return a message as one line."""
    return json.dumps(message).encode("ascii") + b"\n"


def receive(sock: socket.socket) -> dict[str, Any]:
    """Read one message; an empty one if the other side has gone."""
    data = bytearray()
    while not data.endswith(b"\n") and len(data) < LONGEST:
        part = sock.recv(_CHUNK)
        if not part:
            return {}
        data += part
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


def spec_message(spec: TrialSpec) -> dict[str, Any]:
    """Return a trial's specification as plain JSON data."""
    return asdict(spec) | {"env": dict(spec.env)}


def spec_of(message: Mapping[str, Any]) -> TrialSpec:
    """Return the specification that `spec_message` made plain."""
    fields: dict[str, Any] = dict(message)
    fields |= {key: tuple(message[key]) for key in ("argv", "readable", "metrics")}
    fields |= {"minimum": Level(message["minimum"]), "limits": Limits(**message["limits"])}
    return TrialSpec(**fields)


def measurement_of(message: Mapping[str, Any]) -> Measurement:
    """Return the measurement that `asdict` made plain."""
    fields: dict[str, Any] = dict(message)
    fields |= {"touched": tuple(message["touched"]), "level": Level(message["level"])}
    return Measurement(**fields)
