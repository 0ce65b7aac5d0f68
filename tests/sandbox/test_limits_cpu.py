"""A trial that takes more processor time than it may ends as a crash that names the limit."""

import pytest
from referee.sandbox.spec import Limits

from .conftest import Lab
from .limited import exceeded, run


def test_too_much_processor_time_is_a_crash_that_names_it(lab: Lab) -> None:
    done = run(lab, "burn(20)\nwait()", cpu_seconds=0.5)
    exceeded(lab, done, "cpu", 0.5)
    assert done.cpu_seconds > 0.5


CPU = {
    "side by side": "children(6, lambda: (burn(0.3), wait()))",
    "one after the other": "for _ in range(6): os.waitpid(children(1, lambda: burn(0.3))[0], 0)",
    "ignored by their parent": "signal.signal(17, signal.SIG_IGN)\nfor _ in range(60): children(1, lambda: burn(0.3))",
    "orphans": "for _ in range(6): os.waitpid(children(1, lambda: children(1, lambda: burn(0.3)))[0], 0)",
}


@pytest.mark.parametrize("work", CPU.values(), ids=CPU)
def test_processor_time_of_children_adds_up(lab: Lab, work: str) -> None:
    done = run(lab, f"{work}\nwait()", cpu_seconds=0.8)
    exceeded(lab, done, "cpu", 0.8)


def test_processor_time_that_was_used_before_the_first_look_is_found_at_the_end(lab: Lab) -> None:
    done = lab.run("", argv=("/usr/bin/true",), limits=Limits(wall_seconds=30, cpu_seconds=1e-6))
    exceeded(lab, done, "cpu", 1e-6, killed=done.exit_code is None)


def test_processor_time_below_the_limit_is_left_alone(lab: Lab) -> None:
    done = run(lab, "burn(0.3)\nlooks()", cpu_seconds=20.0)
    assert (done.outcome, done.limit) == ("ok", ""), done
