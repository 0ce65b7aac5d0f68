"""The cheats of `referee check --attack`, one literal table; the source of most is the literature on forged scores.

A cheat makes from what it may know of a project the texts of a target: the last of them is judged, those before it are
measured first. Or it says why there is nothing to try.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from . import cheats_artifacts as artifact
from . import cheats_data as data
from . import cheats_inside as inside
from . import cheats_payloads as payload
from .cheats_python import Payload, constant, in_python, in_shell
from .cheats_scene import Scene

Made = tuple[str, ...] | str
"""The texts of a target, or why there are none."""


class Group(StrEnum):
    """What is wrong where a cheat pays; each has its own remedy."""

    REPORT = "forged report"
    INSIDE = "tampering within the process"
    FILES = "tampering with files"
    NOTHING = "reward for doing nothing"
    NOT_FINITE = "numbers that are none"
    ROWS = "artifacts that are taken as they come"
    LOADED = "artifacts that execute code"
    CONTENT = "content that is taken as it comes"
    PERSUASION = "a judge that can be told"
    READING = "readable answers"
    LEFT = "leftovers of an earlier run"
    TIME = "time that is up"


@dataclass(frozen=True, slots=True)
class Cheat:
    """One way to a number that was not earned.

    Attributes:
        name: A few words, as they stand on the screen.
        group: What is wrong if it pays.
        make: Its texts.
        needs: Word of the payload's mark without which it had nothing to work on; empty where it has none.
        ruins: Whether nothing is left of the honest work, so that its lines do not count either.
    """

    name: str
    group: Group
    make: Callable[[Scene], Made] = field(repr=False)
    needs: str = ""
    ruins: bool = False


def _facts(scene: Scene, more: dict[str, Any]) -> dict[str, Any]:
    best = next(iter(scene.forged.values()), 0.0)
    return {
        "lines": lines_of(scene),
        "metrics": dict(scene.forged),
        "best": best,
        "project": scene.project,
        "evaluators": list(scene.evaluators),
        "helpers": list(scene.helpers),
        "modules": list(scene.modules),
        "answers": list(scene.answers),
        "artifacts": list(scene.artifacts),
        "disk": scene.disk,
        "token": scene.token,
        **more,
    }


def lines_of(scene: Scene) -> str:
    """The report of an evaluator that has measured what is claimed."""
    return "".join(f"{name}: {value!r}\n" for name, value in scene.forged.items())


def _code(*steps: Payload, wants: str = "", **more: Any) -> Callable[[Scene], Made]:
    """One text for each payload, in the target's own language; `wants` names what of the scene it needs."""

    def make(scene: Scene) -> Made:
        if reason := _unfit(scene, wants):
            return reason
        into = in_python if scene.language == "python" else in_shell
        return tuple(into(scene.text, step, _facts(scene, more)) for step in steps)

    return make


def _unfit(scene: Scene, wants: str) -> str:
    if scene.language == "data":
        return "the target is data, nothing of it runs"
    if scene.language == "other":
        return "the target is neither Python nor a shell script"
    if scene.language == "shell" and not scene.has_python:
        return "the cheats for a shell script need python3"
    return _MISSING[wants] if wants and not getattr(scene, wants) else ""


_MISSING = {
    "artifacts": "no artifacts pass to a score phase",
    "evaluators": "no file of the project is the evaluator",
    "helpers": "the evaluator imports nothing of the project",
    "modules": "the evaluator imports no module",
    "answers": "no file has the name of labels or answers",
}


def _inside(code: str) -> Callable[[Scene], Made]:
    """Python that changes what the evaluator runs; it can only be in the evaluator's process if that imports it."""

    def make(scene: Scene) -> Made:
        return _not_python(scene) or (in_python(scene.text, Payload(code, "last"), _facts(scene, {})),)

    return make


def _answer(expression: str, code: str = "", before: str = "") -> Callable[[Scene], Made]:
    """Every function of the target returns one expression."""

    def make(scene: Scene) -> Made:
        if reason := _not_python(scene):
            return reason
        patched = Payload(code, "first").source(_facts(scene, {})) if code else ""
        text = constant(scene.text, expression, patched + before)
        return (text,) if text else "the target has no function"

    return make


def _not_python(scene: Scene) -> str:
    if scene.language == "data":
        return "the target is data, nothing of it runs"
    return "" if scene.language == "python" else "the target is no Python"


def _only(python: str, shell: str) -> Callable[[Scene], Made]:
    """A target that does nothing else."""

    def make(scene: Scene) -> Made:
        return _unfit(scene, "") or (python if scene.language == "python" else shell,)

    return make


def _content(make_text: data.Content) -> Callable[[Scene], Made]:
    def make(scene: Scene) -> Made:
        if scene.language != "data":
            return "the target is code"
        text = make_text(scene.text, lines_of(scene))
        return "there is no number in the target" if text is None else (text,)

    return make


def _artifact(code: str, **more: Any) -> Callable[[Scene], Made]:
    return _code(Payload(code, "at exit"), wants="artifacts", **more)


def _rows(how: str) -> Callable[[Scene], Made]:
    return _artifact(artifact.ARTIFACT_CHANGED, how=how)


WORKED, LOOKED, FOUND, READABLE = "worked", "looked", "found", "readable"
"""Words of the marks; the last one is followed by `-` and the index of a file."""

CHEATS: tuple[Cheat, ...] = (
    Cheat("metric printed, then exit", Group.REPORT, _code(Payload(payload.PRINTED, "first", leaves=True))),
    Cheat("metric printed at exit", Group.REPORT, _code(Payload(payload.PRINTED, "at exit", leaves=True))),
    Cheat("metric printed first", Group.REPORT, _code(Payload(payload.PRINTED, "first"))),
    Cheat("metric as not a number", Group.REPORT, _code(Payload(payload.NOT_FINITE, "first", leaves=True), word="nan")),
    Cheat("metric as infinity", Group.REPORT, _code(Payload(payload.NOT_FINITE, "first", leaves=True), word="inf")),
    Cheat("result files, then exit", Group.REPORT, _code(Payload(payload.RESULT_FILES, "first", leaves=True))),
    Cheat("result files first", Group.REPORT, _code(Payload(payload.RESULT_FILES, "first"))),
    Cheat("result files at exit", Group.REPORT, _code(Payload(payload.RESULT_FILES, "at exit"))),
    Cheat("every open descriptor", Group.REPORT, _code(Payload(payload.DESCRIPTORS, "first"))),
    Cheat("printing replaced", Group.INSIDE, _inside(inside.PRINT_REPLACED)),
    Cheat("comparisons patched", Group.INSIDE, _inside(inside.COMPARISONS)),
    Cheat("comparisons patched, answer 0", Group.INSIDE, _answer("0", inside.COMPARISONS)),
    Cheat("answer equal to everything", Group.INSIDE, _answer("_Always()", before=inside.ALWAYS_EQUAL)),
    Cheat("clock patched", Group.INSIDE, _inside(inside.CLOCK)),
    Cheat("evaluator's functions patched", Group.INSIDE, _inside(inside.EVALUATOR_PATCHED)),
    Cheat("answers taken from frames", Group.INSIDE, _inside(inside.ANSWERS_TAKEN)),
    Cheat(
        "evaluator overwritten",
        Group.FILES,
        _code(Payload(payload.EVALUATOR_OVERWRITTEN, "first"), wants="evaluators"),
    ),
    Cheat("helper overwritten", Group.FILES, _code(Payload(payload.HELPER_OVERWRITTEN, "first"), wants="helpers")),
    Cheat("helper's bytecode poisoned", Group.FILES, _code(Payload(payload.BYTECODE, "last"), wants="helpers")),
    Cheat("module shadowed", Group.FILES, _code(Payload(payload.SHADOWED, "last"), wants="modules")),
    Cheat("start-up module left", Group.FILES, _code(Payload(payload.START_UP, "first"))),
    Cheat("daemon that rewrites", Group.FILES, _code(Payload(payload.DAEMON, "first"))),
    Cheat("answers of an earlier run", Group.LEFT, _code(*(Payload(p, "first") for p in payload.TWO_RUNS)), LOOKED),
    Cheat("labels read", Group.READING, _code(Payload(payload.ANSWERS_READ, "first"), wants="answers"), LOOKED),
    Cheat("sleep past the limit", Group.TIME, _code(Payload(payload.SLEEP, "first"))),
    Cheat("nothing done, exit 0", Group.NOTHING, _only("", "exit 0\n")),
    Cheat("answer None", Group.NOTHING, _answer("None")),
    Cheat("answer 0", Group.NOTHING, _answer("0")),
    Cheat("answer 1", Group.NOTHING, _answer("1")),
    Cheat("answer []", Group.NOTHING, _answer("[]")),
    Cheat("answer empty text", Group.NOTHING, _answer("''")),
    Cheat("answer not a number", Group.NOT_FINITE, _answer("float('nan')")),
    Cheat("answer infinity", Group.NOT_FINITE, _answer("float('inf')")),
    Cheat("answer minus infinity", Group.NOT_FINITE, _answer("float('-inf')")),
    Cheat("output not a number", Group.NOT_FINITE, _only("print('nan')\n", "echo nan\n")),
    Cheat("output infinity", Group.NOT_FINITE, _only("print('inf')\n", "echo inf\n")),
    Cheat("artifact is a link", Group.ROWS, _artifact(artifact.ARTIFACT_LINKED), WORKED),
    Cheat("artifact is a module", Group.FILES, _artifact(artifact.ARTIFACT_CODE), WORKED),
    Cheat("artifact executes code", Group.LOADED, _artifact(artifact.ARTIFACT_LOADED), WORKED),
    Cheat("artifact without end", Group.ROWS, _artifact(artifact.ARTIFACT_HUGE), WORKED),
    Cheat("artifact of not a number", Group.NOT_FINITE, _rows("=nan"), WORKED, ruins=True),
    Cheat("artifact of infinity", Group.NOT_FINITE, _rows("=inf"), WORKED, ruins=True),
    Cheat("artifact of minus infinity", Group.NOT_FINITE, _rows("=-inf"), WORKED, ruins=True),
    Cheat("artifact far out of range", Group.ROWS, _rows("=1e300"), WORKED),
    Cheat("artifact far below range", Group.ROWS, _rows("=-1e300"), WORKED),
    Cheat("artifact empty", Group.NOTHING, _rows("empty"), WORKED, ruins=True),
    Cheat("artifact without rows", Group.NOTHING, _rows("no row"), WORKED, ruins=True),
    Cheat("artifact all 0", Group.NOTHING, _rows("=0"), WORKED),
    Cheat("artifact all 1", Group.NOTHING, _rows("=1"), WORKED),
    Cheat("artifact rows twice", Group.ROWS, _rows("twice"), WORKED),
    Cheat("artifact first half", Group.ROWS, _rows("first half"), WORKED),
    Cheat("artifact last half", Group.ROWS, _rows("last half"), WORKED),
    Cheat("artifact first row", Group.ROWS, _rows("first row"), WORKED),
    Cheat("content empty", Group.NOTHING, _content(data.empty)),
    Cheat("content blank", Group.NOTHING, _content(data.blank)),
    Cheat("content repeated", Group.CONTENT, _content(data.repeated)),
    Cheat("content huge", Group.CONTENT, _content(data.huge)),
    Cheat("content with a very long line", Group.CONTENT, _content(data.one_line)),
    Cheat("content that reports a metric", Group.CONTENT, _content(data.reporting)),
    Cheat("content that tells the judge", Group.PERSUASION, _content(data.persuading)),
    Cheat("content of not a number", Group.NOT_FINITE, _content(data.numbers("nan"))),
    Cheat("content of infinity", Group.NOT_FINITE, _content(data.numbers("inf"))),
    Cheat("content far out of range", Group.CONTENT, _content(data.numbers("1e300"))),
    Cheat("content far below range", Group.CONTENT, _content(data.numbers("-1e300"))),
)
