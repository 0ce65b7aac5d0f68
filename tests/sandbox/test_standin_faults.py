"""A jail that is dead, late or too loud is noticed, and nothing of a load outlives it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .jailed_pair import LOAD, Pair


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    assert made.left() == []


def test_messages_over_the_limit_are_refused_and_the_load_goes_on(pair: Pair) -> None:
    pair.lay("def big(n): return 'x' * n\ndef size(s): return len(s)\n", message_bytes=100_000)
    code = (
        "import target\nsaid = []\n"
        "for call in (lambda: target.size('x' * 200_000), lambda: target.big(300_000)):\n"
        "    try: call()\n    except (ValueError, RuntimeError) as error: said.append(str(error))\n"
        "print(json.dumps([said, target.size('abc')]))"
    )
    said, size = pair.found(code)
    assert size == 3
    assert "the arguments take 200" in said[0]
    assert "bytes; at most 100000" in said[1]


def test_a_jail_that_never_starts_is_said(pair: Pair) -> None:
    pair.lay("x = 1", start_seconds=0.2)
    done = pair.evaluate("import target", (sys.executable, "-c", "pass"))
    assert "RuntimeError: the jailed process of the target did not answer" in done.stderr


_TRIED = "try:\n    {call}\nexcept Exception as error:\n    said.append([type(error).__name__, str(error)])\n"


def test_a_jail_that_dies_in_a_call_is_noticed(pair: Pair) -> None:
    pair.lay("import os, signal\ndef die():\n    os.kill(os.getppid(), signal.SIGKILL)\n    os._exit(0)\n")
    done = pair.evaluate("import target\ntarget.die()")
    assert "the target's process ended before it answered" in done.stderr


def test_a_call_beyond_its_time_ends_the_load_and_the_next_begins_a_fresh_one(pair: Pair) -> None:
    pair.lay(
        "n = 0\ndef hang():\n    while True: pass\ndef up():\n    global n\n    n += 1\n    return n\n",
        call_seconds=2.0,
    )
    code = f"import target\nsaid = [target.up(), target.up()]\n{_TRIED.format(call='target.hang()')}"
    assert pair.found(f"{code}print(json.dumps([*said, target.up()]))") == [
        1,
        2,
        ["TimeoutError", "the other side did not answer within the limit of one call"],
        1,
    ]


def test_an_alarm_interrupts_a_call_and_what_hung_is_ended(pair: Pair) -> None:
    pair.lay("import os\ndef pid(): return os.getpid()\ndef hang():\n    while True: pass\ndef f(): return 7\n")
    code = (
        "import os, signal, target, time\nsaid = []\ndef ring(*_): raise TimeoutError('rang')\n"
        "signal.signal(signal.SIGALRM, ring)\npid = target.pid()\nsignal.setitimer(signal.ITIMER_REAL, 0.2)\n"
        f"{_TRIED.format(call='target.hang()')}"
        "end = time.monotonic() + 20\nalive = True\n"
        "while alive and time.monotonic() < end:\n    alive = os.path.exists(f'/proc/{pid}')\n"
        "print(json.dumps([*said, target.f(), alive]))"
    )
    assert pair.found(code) == [["TimeoutError", "rang"], 7, False]


def test_a_load_that_nobody_holds_any_more_ends(pair: Pair) -> None:
    pair.lay("x = 1\n")
    code = (
        "import gc, os\n"
        f"for _ in range(5):\n    {LOAD.replace(chr(10), chr(10) + '    ')}\n    del program, spec\n    gc.collect()\n"
        "print(len(os.listdir('/proc/self/fd')))"
    )
    assert pair.found(code) <= 6


def test_what_a_load_left_running_is_ended_with_it(pair: Pair) -> None:
    pair.lay(
        "import os, time\npid = os.fork()\nif pid == 0:\n    time.sleep(60)\n    os._exit(0)\ndef end(): os._exit(0)\n"
    )
    code = (
        "import os, target, time\nsaid = []\npid = target.pid\n" + _TRIED.format(call="target.end()") + "said.clear()\n"
        "end = time.monotonic() + 20\nstate = ''\n"
        "while state not in ('Z', 'gone') and time.monotonic() < end:\n"
        "    try: state = open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[0]\n"
        "    except OSError: state = 'gone'\n"
        "print(json.dumps(state))"
    )
    assert pair.found(code) in {"Z", "gone"}


def test_a_load_ends_when_its_evaluator_is_killed(pair: Pair) -> None:
    pair.lay("import os\ndef pid(): return os.getpid()\n")
    inner = "import os, target\nprint(target.pid(), flush=True)\nos.kill(os.getpid(), 9)"
    code = (
        "import os, subprocess, sys, time\n"
        f"pid = int(subprocess.run([sys.executable, '-c', {inner!r}], stdout=-1).stdout)\n"
        "end = time.monotonic() + 20\n"
        "while os.path.exists(f'/proc/{pid}') and time.monotonic() < end: pass\n"
        "print(json.dumps(os.path.exists(f'/proc/{pid}')))"
    )
    assert pair.found(code) is False
