"""Read `program.md`: YAML front matter between two `---` lines, then the policy in Markdown.

Guaranteed: a Program comes back only if every key is known, typed and consistent; otherwise one ProgramError lists
every fault, one a line. The YAML is data: tags, anchors, aliases and merge keys are refused before anything is built,
size and depth are bounded. Not covered: whether the files and commands that it names exist.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from . import explain
from .contract import Budget, Contract, Program
from .errors import ProgramError
from .wording import clean, quoted

MAX_BYTES = 1_000_000
MAX_FRONT_MATTER = 64_000
MAX_DEPTH = 10
_FENCE = "---"
_MINIMAL = """It begins with a contract such as:
---
target: train.py
evaluate: {command: python train.py, timeout: 10m}
metrics: {val_bpb: minimize}
---"""


def load(path: Path) -> Program:
    """Read and check a program file; raises ProgramError with every fault that was found."""
    try:
        data = _read(path)
    except FileNotFoundError:
        raise ProgramError(f"{path.name}: no such file in {path.parent}. Run: referee init") from None
    except OSError as fault:
        raise ProgramError(f"{path.name}: cannot be read: {fault.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ProgramError(f"{path.name}: larger than {MAX_BYTES:,} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise ProgramError(f"{path.name}: line {line}: not UTF-8; save the file in that encoding") from None
    return parse(text, path.name)


def parse(text: str, name: str = "program.md") -> Program:
    """Check the text of a program file; `name` begins every line of a ProgramError."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise ProgramError(f"{name}: not valid Unicode: it holds half of a surrogate pair") from None
    if len(data) > MAX_BYTES:
        raise ProgramError(f"{name}: larger than {MAX_BYTES:,} bytes")
    if "\0" in text:
        raise ProgramError(f"{name}: line {text.count(chr(10), 0, text.index(chr(0))) + 1}: holds a NUL character")
    front, policy = _split(text, name)
    contract, budget = _validate(_mapping(front, name), name)
    return Program(contract=contract, budget=budget, policy=policy, sha256=hashlib.sha256(data).hexdigest())


def _read(path: Path) -> bytes:
    """At most one byte more than allowed; a pipe or device in the file's place is refused and never waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ProgramError(f"{path.name}: not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def _split(text: str, name: str) -> tuple[str, str]:
    """Front matter and policy. The first is preceded by an empty line, so that its line numbers are the file's."""
    first, *lines = text.removeprefix("\ufeff").split("\n")
    if first.rstrip() != _FENCE:
        raise ProgramError(f"{name}: no front matter: the first line must be '---'. {_MINIMAL}")
    end = next((index for index, line in enumerate(lines) if line.rstrip() == _FENCE), None)
    if end is None:
        raise ProgramError(f"{name}: the front matter is not closed: end it with a line '---'")
    front = "\n".join(("", *lines[:end], ""))
    if len(front) > MAX_FRONT_MATTER:
        raise ProgramError(f"{name}: the front matter is longer than {MAX_FRONT_MATTER:,} characters")
    return front, "\n".join(lines[end + 1 :])


def _mapping(front: str, name: str) -> dict[str, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - start-up time counts, and few starts read a program
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415 - likewise

    yaml: Any = YAML(typ="safe", pure=True)
    raw: object
    try:
        _only_data(yaml.parse(front), name)
        raw = yaml.load(front)
    except MarkedYAMLError as fault:
        said: Any = fault
        line = said.problem_mark.line + 1 if said.problem_mark else 1
        problem = str(said.problem or said.context).partition(" with value")[0]
        raise ProgramError(f"{name}: line {line}: not valid YAML: {clean(problem, 200)}") from None
    except YAMLError as fault:
        raise ProgramError(f"{name}: not valid YAML: {clean(str(fault), 200)}") from None
    except ValueError as fault:
        raise ProgramError(f"{name}: a value cannot be read: {clean(str(fault).partition(';')[0], 200)}") from None
    if not isinstance(raw, dict):
        raise ProgramError(f"{name}: the front matter is {quoted(raw)}, expected 'key: value' lines. {_MINIMAL}")
    return cast("dict[str, Any]", raw)


def _only_data(events: Iterator[Any], name: str) -> None:
    """Refuse what makes YAML more than data, event by event, so that nothing is built or unfolded before."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        fault = _beyond_data(event, kind)
        if depth > MAX_DEPTH:
            fault = "nested too deeply"
        if fault:
            raise ProgramError(f"{name}: line {event.start_mark.line + 1}: {fault}")


def _beyond_data(event: Any, kind: str) -> str:
    if kind == "AliasEvent" or getattr(event, "anchor", None):
        return "anchors and aliases (& and *) are not allowed; quote text that begins with them"
    if getattr(event, "tag", None):
        return "tags (!) are not allowed; quote text that begins with one"
    if kind == "DocumentStartEvent" and event.explicit:
        return "directives and further documents are not allowed"
    if kind == "ScalarEvent" and event.value == "<<":
        return "merge keys (<<) are not allowed"
    return ""


def _validate(raw: dict[str, Any], name: str) -> tuple[Contract, Budget]:
    found = [*explain.unnamed(raw), *explain.unbuilt(raw)]
    limits = raw.pop("budget", {})
    contract = budget = None
    try:
        contract = Contract.model_validate(raw)
    except ValidationError as error:
        found += explain.faults(error, raw)
    try:
        budget = Budget.model_validate(limits)
    except ValidationError as error:
        found += explain.faults(error, limits, ("budget",))
    if found or contract is None or budget is None:
        raise ProgramError("\n".join(f"{name}: {fault}" for fault in found))
    return contract, budget
