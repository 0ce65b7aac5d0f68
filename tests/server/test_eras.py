"""What a client meets on the wire in either era: answers, ids, signals, and pipes that nobody else has."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.server.pipe import ERAS, Pipe, piped
from tests.sessions import Held, records, rows, running

eras = pytest.mark.parametrize("era", ERAS)
HALF = '{"path": "\\ud800"}'


def _request(number: str, arguments: str = "{}") -> bytes:
    params = f'{{"name": "read_file", "arguments": {arguments}}}'
    return f'{{"jsonrpc": "2.0", "id": {number}, "method": "tools/call", "params": {params}}}'.encode()


@eras
@pytest.mark.parametrize(
    ("line", "number", "code", "said"),
    [
        (_request("5", HALF), 5, -32700, "no character"),
        (_request('"a"', HALF), "a", -32700, "no character"),
        (_request("5").replace(b"{}", b'{"path": "\xff"}'), 5, -32700, "no character"),
        (_request('"\\ud800"'), None, -32700, "no character"),
        (_request("5").replace(b"2.0", b"1.0"), 5, -32600, '"jsonrpc": "2.0"'),
        (_request("5", "{}").replace(b'"tools/call"', b"7"), 5, -32600, "a method"),
        (_request("1.5"), None, -32600, "an id that is a string or an integer"),
        (_request("null"), None, -32600, "an id that is a string or an integer"),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "ping", "params": [1]}', 5, -32600, "params that are an object"),
        (b"[" + _request("5") + b"]", None, -32600, "one object"),
        (_request("5")[:-1], None, -32700, "no JSON"),
        (b"[" * 100_000, None, -32700, "no JSON"),
    ],
    ids=[
        "half",
        "half-text-id",
        "bytes",
        "half-id",
        "version",
        "method",
        "float-id",
        "null-id",
        "params",
        "batch",
        "cut",
        "deep",
    ],
)
def test_a_line_that_is_no_message_is_answered_with_an_error_under_its_id(
    project: Path, tmp_path: Path, era: str, line: bytes, number: Any, code: int, said: str
) -> None:
    with piped(project, era, tmp_path / "noise") as pipe:
        pipe.write(line + b"\n")
        error = pipe.answer(number)[-1]["error"]
        assert error["code"] == code
        assert said in error["message"]
        assert "result" in pipe.call("check_budget", {})


@eras
def test_a_blank_line_is_no_message_and_gets_no_answer(project: Path, tmp_path: Path, era: str) -> None:
    with piped(project, era, tmp_path / "noise") as pipe:
        pipe.write(b"\n  \r\n\t\n")
        assert len(pipe.heard("tools/list", {})) == 1


@eras
@pytest.mark.promise("whole log")
def test_the_clients_own_ids_of_a_call_stand_in_the_journal(project: Path, tmp_path: Path, era: str) -> None:
    with piped(project, era, tmp_path / "noise") as pipe:
        pipe.call("run_eval", {"description": "baseline"})
        pipe.call("read_target", {}, **{"claudecode/toolUseId": "toolu_7"})
        pipe.call("read_target", {}, callId="call_7")
    ids = [record.data["ids"] for record in records(project) if record.kind == "call"]
    assert ids[1]["claudecode/toolUseId"] == "toolu_7"
    assert ids[2]["callId"] == "call_7"
    assert all(json.loads(one["request"]) > 0 for one in ids)


def _end(pipe: Pipe, how: str) -> None:
    if how == "EOF":
        assert pipe.process.stdin is not None
        pipe.process.stdin.close()
    else:
        pipe.process.send_signal(signal.Signals[how])


@eras
@pytest.mark.promise("nothing lost")
@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "EOF"])
def test_a_server_that_is_ended_in_a_trial_saves_its_state_and_leaves_no_process(
    project: Path, tmp_path: Path, era: str, how: str
) -> None:
    """How long it takes is measured by benchmarks/end.py: no clock of a busy machine decides a test."""
    held = Held(loss=1)
    with piped(project, era, tmp_path / "noise") as pipe:
        pipe.call("run_eval", {"description": "baseline"})
        pipe.call("run_trial", {"description": "slow", "content": held.text, "wait_seconds": 0})
        _end(pipe, how)
        assert pipe.process.wait(60) == 0
    assert rows(project)[2][3:] == ["crash", "interrupted: slow"]
    assert not running(held.text.partition(";")[0])
    assert "Traceback" not in (tmp_path / "noise").read_text(encoding="utf-8")


@eras
def test_a_trial_that_reads_its_input_and_prints_meets_neither_pipe(project: Path, tmp_path: Path, era: str) -> None:
    """`cat` ends at once and takes no message away; what is printed is in the log alone."""
    loud = 'cat; echo \'{"jsonrpc": "2.0", "id": 1}\'; echo noise >&2; echo loss: 1\n'
    with piped(project, era, tmp_path / "noise") as pipe:
        found = pipe.heard("tools/call", {"name": "run_trial", "arguments": {"description": "loud", "content": loud}})
        assert [message["id"] for message in found] == [found[-1]["id"]]
        assert found[-1]["result"]["structuredContent"]["decision"] == "keep"
