"""Whatever is sent: the server lives and answers, says what was wrong, and writes nothing but its own records."""

import json
import os
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from referee.server.schemas import described
from referee.tools.fields import ALWAYS
from referee.tools.table import TOOLS

from tests.projects import PROGRAM, everything, git
from tests.server.pipe import ERAS, Pipe, piped
from tests.sessions import home_of

QUICK, LONG = 80, 3000
MOST = 50_000  # characters: more is not shown by Claude Code
OWN = re.compile(
    r"\.git/(objects|referee|refs/(referee|heads/(referee|autoresearch))|logs)\b|results\.tsv$|budget\.log$"
)
NUMBERS = re.compile(r"\d+")

# A server that hangs is found by waiting: what it hung on is shown as it is, not made smaller.
PLAIN = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

amounts = pytest.mark.parametrize(
    "amount", [pytest.param(QUICK, id="quick"), pytest.param(LONG, id="long", marks=pytest.mark.endurance)]
)
eras = pytest.mark.parametrize("era", ERAS)

odd_texts: st.SearchStrategy[str] = st.sampled_from(
    [
        *("", "\0", "\ud800", "\udfff\ud800", "\u202eabc\u2066", "e" + "\u0301" * 500, "\ufeff", "\r\n", "\x1b[2J"),
        *("../x", "--output=x", "-c", "/etc/passwd", "x" * 100_000, "\U0001d4b3" * 1000, "draft", "best", "0", "-1"),
        *("9" * 500, "run.sh", "program.md", "echo loss: 1\n", "echo loss: 9\n", "%s%n", "{}", "null", "'; rm -rf x"),
    ]
)
texts = st.text(st.characters(codec=None), max_size=40) | odd_texts
numbers = (
    st.integers(-3, 30)
    | st.integers()
    | st.sampled_from([2**31, 2**63, 2**64, -(2**63), 10**400, 1e308, float("inf"), float("nan"), 0.5, -0.0])
)
scalars = st.none() | st.booleans() | numbers | texts


def _inside(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=3) | st.dictionaries(texts, values, max_size=3)


pairs = st.fixed_dictionaries({}, optional={"old_text": texts, "new_text": texts, "more": scalars})
anything: st.SearchStrategy[Any] = st.recursive(scalars, _inside, max_leaves=12) | st.lists(pairs, max_size=3)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, Any]:
    """A tool, and arguments that may be of every form: known names and others, values of any type."""
    tool = draw(st.sampled_from(list(TOOLS)))
    names = st.sampled_from([*described(TOOLS[tool]).input_schema["properties"], "edit", "Content", "\0", "a" * 300])
    if draw(st.integers(0, 9)) == 0:
        return tool, draw(anything)
    arguments = draw(st.dictionaries(names, anything, max_size=5))
    if "wait_seconds" in arguments:
        arguments["wait_seconds"] = draw(st.sampled_from([0, 0.1, -1, "5", None, float("nan"), 1e9]))
    return tool, arguments


@pytest.fixture
def played(make_project: Callable[..., Path], tmp_path: Path) -> Path:
    """A project with a session that has a baseline, a kept trial and a discarded one, and little budget left."""
    program = PROGRAM.replace("metrics:", "budget: {max_experiments: 8, max_consecutive_crashes: null}\nmetrics:")
    project = make_project({"program.md": program, "notes.txt": "mine\n"})
    (project / "untracked.txt").write_text("mine too\n", encoding="utf-8")
    with piped(project, ERAS[0], tmp_path / "first") as pipe:
        for loss in (2, 5):
            pipe.call("run_trial", {"description": f"to {loss}", "content": f"echo loss: {loss}\n"})
    return project


def _theirs(project: Path) -> dict[str, Any]:
    """What is not Referee's: the checkout, the other refs, the home, and where temporary files would lie."""
    checkout = {name: found for name, found in everything(project).items() if not OWN.search(name)}
    home = sorted(path.name for path in Path(os.environ["HOME"]).iterdir())
    refs = [line for line in git(project, "for-each-ref").splitlines() if "referee" not in line]
    return {"checkout": checkout, "home": home, "refs": refs, "beside": sorted(os.listdir(project.parent))}


def _kinds_of_files(project: Path) -> set[str]:
    """The names in the state folder, with every number as one."""
    return {NUMBERS.sub("N", name) for name in everything(home_of(project)) if "/" not in name}


@contextmanager
def _harmless(project: Path, era: str, noise: Path) -> Generator[Pipe]:
    """A server whose session and surroundings are the same afterwards, its own records apart."""
    noise.touch()
    theirs, kinds = _theirs(project), _kinds_of_files(project)
    with piped(project, era, noise) as pipe:
        yield pipe
    assert _theirs(project) == theirs
    assert _kinds_of_files(project) <= kinds
    assert "Traceback" not in noise.read_text(encoding="utf-8")


def _clear(answer: dict[str, Any], tool: str) -> None:
    """Facts in the structure, or a text that begins with ERROR and the tool, or a JSON-RPC error; never a traceback."""
    if "error" in answer:
        assert isinstance(answer["error"]["code"], int)
        assert answer["error"]["message"]
        return
    result = answer["result"]
    text = result["content"][0]["text"]
    assert len(text) <= MOST
    if result.get("isError"):
        assert text.startswith(f"ERROR {tool}: ")
        assert "Traceback" not in text
        assert "unexpected fault" not in text
    else:
        assert set(ALWAYS) <= set(result["structuredContent"])


@pytest.mark.timeout(1800)
@amounts
@eras
def test_no_argument_of_any_tool_breaks_the_server_or_writes_outside_its_records(
    played: Path, tmp_path: Path, era: str, amount: int
) -> None:
    with _harmless(played, era, tmp_path / "noise") as pipe:

        @settings(PLAIN, max_examples=amount)
        @given(calls())
        def attempt(call: tuple[str, Any]) -> None:
            tool, arguments = call
            _clear(pipe.call(tool, arguments), tool)
            assert "result" in pipe.call("check_budget", {})

        attempt()


ids: st.SearchStrategy[Any] = st.integers(1, 99) | st.sampled_from(
    ["a", "", None, True, 1.5, [1], {"a": 1}, "\ud800", -1, 10**30]
)
methods = st.sampled_from(
    [
        *(
            "tools/call",
            "tools/list",
            "ping",
            "initialize",
            "server/discover",
            "prompts/get",
            "notifications/cancelled",
        ),
        *("notifications/initialized", "resources/read", "logging/setLevel", "", "\0", "x" * 10_000),
    ]
)
messages: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {}, optional={"jsonrpc": st.just("2.0") | scalars, "id": ids, "method": methods | scalars, "params": anything}
) | st.lists(anything, max_size=3)
good = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "read_file", "arguments": {"path": "é"}}}


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """One line: a message of any form, a good one with bytes changed, or bytes."""
    whole = json.dumps(draw(messages | st.just(good)), ensure_ascii=draw(st.booleans()))
    data = whole.encode("utf-8", "surrogatepass")
    how = draw(st.integers(0, 5))
    at = draw(st.integers(0, len(data)))
    if how == 0:
        data = data[:at]
    elif how == 1:
        data = data[:at] + draw(st.binary(max_size=8)) + data[at + draw(st.integers(0, 3)) :]
    elif how == 2:
        data = draw(st.binary(max_size=60))
    elif how == 3:
        data = data[:at] + b"[" * draw(st.sampled_from([10, 300, 20_000])) + data[at:]
    return data.replace(b"\n", b" ")


def _awaited(line: bytes) -> list[Any]:
    """The id of a request that can be read in a line, as a list of one; else none."""
    try:
        found = json.loads(line.decode("utf-8"))
        number = found["id"] if "method" in found else None
    except (ValueError, RecursionError, TypeError, KeyError):
        return []
    if isinstance(number, bool) or not isinstance(number, str | int):
        return []
    return [number] if isinstance(number, int) or number.isprintable() else []


@pytest.mark.timeout(1800)
@amounts
@eras
def test_no_line_goes_without_an_answer_under_its_id_and_none_ends_the_server(
    played: Path, tmp_path: Path, era: str, amount: int
) -> None:
    with _harmless(played, era, tmp_path / "noise") as pipe:

        @settings(PLAIN, max_examples=3 * amount)
        @given(lines())
        def attempt(line: bytes) -> None:
            pipe.write(line + b"\n")
            found = [message for number in _awaited(line) for message in pipe.answer(number)]
            found += pipe.heard("tools/call", {"name": "check_budget", "arguments": {}})
            assert "result" in found[-1]
            assert "Traceback" not in json.dumps(found)

        attempt()


def test_a_line_of_ten_megabytes_is_answered_by_every_tool(played: Path, tmp_path: Path) -> None:
    big = "x" * 10_000_000
    with _harmless(played, ERAS[1], tmp_path / "noise") as pipe:
        for name, tool in TOOLS.items():
            for argument in [*described(tool).input_schema["properties"], "unknown"][:2]:
                answer = pipe.call(name, {argument: big})
                _clear(answer, name)
                assert len(json.dumps(answer)) < MOST
