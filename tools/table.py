"""Every tool that an agent is given; a reader can see them all."""

from . import (
    append_result,
    check_budget,
    edit_target,
    keep,
    read_file,
    read_log,
    read_program,
    read_results,
    read_target,
    revert,
    run_eval,
    run_trial,
)
from .base import Listed

TOOLS: dict[str, Listed] = {
    "read_program": read_program.TOOL,
    "run_trial": run_trial.TOOL,
    "read_target": read_target.TOOL,
    "read_file": read_file.TOOL,
    "read_results": read_results.TOOL,
    "read_log": read_log.TOOL,
    "edit_target": edit_target.TOOL,
    "run_eval": run_eval.TOOL,
    "keep": keep.TOOL,
    "revert": revert.TOOL,
    "append_result": append_result.TOOL,
    "check_budget": check_budget.TOOL,
}
