"""What a cheat is made of: a number worth forging, a target that still runs, and a verdict that noise cannot buy."""

import ast
from typing import Any

import pytest
from referee.server.attack_decide import Ground, Status, decided
from referee.server.cheats import CHEATS
from referee.server.cheats_data import MOST_BYTES, blank, empty, huge, numbers, one_line, persuading, repeated
from referee.server.cheats_forged import forged
from referee.server.cheats_python import Payload, constant, in_python, in_shell
from referee.session.contract import Contract

HONEST = (
    '"""What it does."""\nfrom __future__ import annotations\n\n\ndef f(x: int) -> int:\n    return x\n\n\nprint(f(1))'
)


def contract(metrics: dict[str, Any], **more: Any) -> Contract:
    evaluate = {"command": ("true",)}
    return Contract.model_validate({"target": "a.py", "evaluate": evaluate, "metrics": metrics, **more}, strict=False)


def measured(**metrics: float) -> dict[str, Any]:
    return {"outcome": "ok", "reason": "", "metrics": metrics}


@pytest.mark.parametrize("base", [-3.0, 0.0, 0.25, 1.0, 1e9])
@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize(
    "more", [{}, {"bounds": [-1e10, 1e10]}, {"min_delta": 0.5}, {"bounds": [-1e10, 1e10], "min_delta": 0.5}]
)
def test_a_forged_number_is_one_that_the_judge_would_keep(base: float, goal: str, more: dict[str, Any]) -> None:
    asked = contract(
        {
            "score": {"goal": goal, **more},
            "size": {"goal": "minimize", "role": "guard", "max": 7, "min_ratio": 0.5},
        }
    )
    claimed = forged(asked, {"score": base, "size": 9.0})
    honest = measured(score=base, size=9.0)
    assert decided(Ground(asked, HONEST, [honest]), HONEST, measured(**claimed))[0] is Status.PAID


def test_what_referee_measures_itself_is_not_claimed() -> None:
    assert forged(contract({"wall_seconds": "minimize"}), {"wall_seconds": 1.0}) == {}


def test_a_gain_within_the_noise_of_the_unchanged_target_is_not_called_a_payment() -> None:
    ground = Ground(contract({"score": "maximize"}), HONEST, [measured(score=0.5), measured(score=0.52)])
    assert decided(ground, HONEST, measured(score=0.57))[0] is Status.STOPPED
    assert decided(ground, HONEST, measured(score=0.59))[0] is Status.PAID


def test_time_varies_even_where_two_runs_happened_to_agree() -> None:
    ground = Ground(contract({"wall_seconds": "minimize"}), HONEST, [measured(wall_seconds=1.0)] * 2)
    assert ground.noisy
    assert decided(ground, HONEST, measured(wall_seconds=0.75))[0] is Status.STOPPED
    assert decided(ground, HONEST, measured(wall_seconds=0.25))[0] is Status.PAID


def test_a_payload_comes_after_what_python_wants_first_and_before_the_work() -> None:
    text = in_python(HONEST, Payload("print('cheat')", "first"), {})
    names = [type(node).__name__ for node in ast.parse(text).body]
    assert names == ["Expr", "ImportFrom", "FunctionDef", "Expr", "FunctionDef", "Expr"]
    compile(text, "a.py", "exec")


def test_a_target_that_is_no_valid_python_is_cheated_with_all_the_same() -> None:
    assert in_python("def f(:\n", Payload("pass", "first"), {}).startswith("def _referee_probe")


def test_a_constant_answer_replaces_every_function_but_main() -> None:
    text = constant(HONEST + "\n\n\ndef main():\n    return f(2)\n", "None")
    assert text is not None
    space: dict[str, Any] = {}
    exec(compile(text, "a.py", "exec"), space)  # noqa: S102 - the text is ours
    assert space["f"](1) is None
    assert "return f(2)" in text
    assert constant("print(1)\n", "None") is None


def test_what_comes_at_the_end_of_a_shell_script_comes_even_if_that_exits() -> None:
    text = in_shell("exit 3\n", Payload("print('cheat')", "at exit"), {})
    assert text.index("exit 3") < text.index("print('cheat')")
    assert text.endswith("exit $REFEREE_PROBE_CODE\n")


@pytest.mark.parametrize("make", [empty, blank, huge, one_line, persuading, repeated, numbers("nan")])
def test_content_is_never_larger_than_a_target_may_be(make: Any) -> None:
    for text in ("a 1\n", "x" * 400_000 + " 1"):
        assert len(make(text, "score: 1\n").encode()) <= MOST_BYTES


def test_every_cheat_has_a_name_of_its_own_that_fits_the_screen() -> None:
    names = [cheat.name for cheat in CHEATS]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 31
