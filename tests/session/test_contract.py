import pytest
from referee.session import plan
from referee.session.contract import Contract
from referee.session.program import parse

from tests.session.programs import SHORTEST, contract, faults, instead, program


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("90s", 90), ("1h30m", 5400), ("1.5h", 5400), ("45", 45), ("0.5", 0.5), ("1h0m1s", 3601)],
)
def test_durations_take_units_or_plain_seconds(text: str, seconds: float) -> None:
    assert contract(f"evaluate: {{command: a, timeout: {text}}}").evaluate.timeout == seconds


@pytest.mark.parametrize("text", ["10 minutes", "5m1h", "-5s", "''", "1h1h", "10:30", "0", "0s", ".nan", "9e9", "true"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    assert faults(instead(f"evaluate: {{command: a, timeout: {text}}}"))[0].startswith(
        "program.md: key 'evaluate.timeout': found '"
    )


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("'python \"my file.py\" --x=1'", ("python", "my file.py", "--x=1")),
        ("[sh, -c, 'a | b > c']", ("sh", "-c", "a | b > c")),
        ("'grep ''a*b'' \\$x'", ("grep", "a*b", "$x")),
        ("'python {target} --out {results}'", ("python", "{target}", "--out", "{results}")),
    ],
)
def test_a_command_is_a_list_or_shell_words(text: str, argv: tuple[str, ...]) -> None:
    assert contract(f"evaluate: {{command: {text}}}").evaluate.command == argv


@pytest.mark.parametrize(
    "words", ["a | b", "a > b", "a < b", "a & b", "a; b", "a $HOME", "a `b`", "a *.py", "a b?", "a\nb", 'a "$HOME"']
)
def test_what_needs_a_shell_is_refused_with_the_way_to_get_one(words: str) -> None:
    text = words.replace('"', '\\"').replace("\n", "\\n")
    assert 'use [sh, -c, "..."]' in faults(instead(f'evaluate: {{command: "{text}"}}'))[0]


@pytest.mark.parametrize("command", ["''", "[]", "['']", "'a \"b'", "[a, 5]", "A=1 python", '["a\\0"]', "{a: b}"])
def test_what_cannot_be_executed_is_refused(command: str) -> None:
    assert "key 'evaluate.command" in faults(instead(f"evaluate: {{command: {command}}}"))[0]


@pytest.mark.parametrize("path", ["../a", "/a", "a/../b", "./a", "a//b", "a/", "-a", "~/a", ".", "''", '"a\\nb"'])
def test_a_target_outside_of_the_project_or_oddly_spelled_is_refused(path: str) -> None:
    assert faults(instead(f"target: {path}"))[0].startswith("program.md: key 'target': found ")


@pytest.mark.parametrize("path", ["program.md", ".git/config", "sub/.GIT/hooks/x"])
def test_the_contract_and_git_itself_are_no_target(path: str) -> None:
    assert "expected" in faults(instead(f"target: {path}"))[0]


@pytest.mark.parametrize(
    "path", ["train.py", "src/models/net.py", "a b.py", "naïve.py", "sub/program.md", ".gitignore"]
)
def test_ordinary_paths_are_targets(path: str) -> None:
    assert contract(f"target: {path}").target.path == path


@pytest.mark.parametrize("name", ["commit", "status", "description", "timestamp", "a b", "5", "é", "'a:b'", "a" * 65])
def test_a_metric_name_that_would_break_the_table_is_refused(name: str) -> None:
    assert "key 'metrics." in faults(instead(f"metrics: {{{name}: minimize}}"))[0]


@pytest.mark.parametrize(
    ("metrics", "part"),
    [
        ("{g: {goal: minimize, role: guard, max: 1}}", "cannot be a guard"),
        ("{a: minimize, g: {goal: minimize, role: guard}}", "needs at least one of min, max, min_ratio, max_ratio"),
        ("{a: {goal: minimize, max: 1}}", "only a guard takes"),
        ("{a: {goal: minimize, bounds: [2, 1]}}", "lowest value 2.0 is above the highest 1.0"),
        ("{a: {goal: minimize, bounds: [2]}}", "expected two numbers"),
        ("{a: minimize, g: {goal: minimize, role: guard, min: 2, max: 1}}", "is above the highest"),
        ("{a: minimize, g: {goal: minimize, role: guard, min: 2, min_delta: 1}}", "only the role metric"),
        ("{a: {goal: minimize, min_delta: 1e999}}", "expected a finite number"),
        ("{}", "at least one metric"),
    ],
)
def test_impossible_metrics_are_refused(metrics: str, part: str) -> None:
    assert part in faults(instead(f"metrics: {metrics}"))[0]


@pytest.mark.parametrize(
    ("keep", "part"),
    [
        ("{rule: weighted}", "needs a weight for 'val_bpb'"),
        ("{rule: weighted, weights: {val_bpb: 1, x: 1}}", "'keep.weights.x': no metric of that name"),
        ("{weights: {val_bpb: 1}}", "only with rule: weighted"),
        ("{rule: weighted, weights: {val_bpb: 0}}", "above 0"),
        ("{rule: weighted, weights: {val_bpb: .inf}}", "finite"),
    ],
)
def test_weights_name_every_metric_exactly(keep: str, part: str) -> None:
    assert part in faults(instead(f"keep: {keep}"))[0]


def test_a_list_of_variables_takes_the_values_of_the_server() -> None:
    assert contract("sandbox: {env: [A, B]}").sandbox.env == {"A": None, "B": None}
    assert contract('sandbox: {env: {A: "8"}}').sandbox.env == {"A": "8"}


@pytest.mark.parametrize("env", ["{A: 8}", "{HOME: x}", "{REFEREE_METRICS: x}", "[A B]", "{'1A': x}", '{A: "\\0"}'])
def test_odd_or_reserved_variables_are_refused(env: str) -> None:
    assert "key 'sandbox.env" in faults(instead(f"sandbox: {{env: {env}}}"))[0]


@pytest.mark.parametrize(
    ("text", "stored", "gpus"),
    [("none", "none", ()), ("all", "all", None), ("[1, 0]", (0, 1), (0, 1)), ("[3]", (3,), (3,))],
)
def test_gpus_are_none_all_or_numbered(text: str, stored: object, gpus: tuple[int, ...] | None) -> None:
    found = contract(f"sandbox: {{gpu: {text}}}")
    assert found.sandbox.gpu == stored
    assert plan.gpus(found.sandbox) == gpus
    assert Contract.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    "text", ["0", "[]", "[0, 0]", "[-1]", "[true]", "[1.0]", "null", "some", "'0,1'", "[a]", "true"]
)
def test_what_names_no_gpu_is_refused(text: str) -> None:
    (line,) = faults(instead(f"sandbox: {{gpu: {text}}}"))
    assert line.startswith("program.md: key 'sandbox.gpu': found '")
    assert line.endswith("expected none, all or a list of different numbers of GPUs, such as [0, 1]")


@pytest.mark.parametrize("path", [".", "./", "..", "../..", "/", "train.py", "./train.py", "sub/../train.py", "''"])
def test_an_input_that_would_cover_the_target_is_refused(path: str) -> None:
    assert "key 'sandbox.inputs" in faults(instead(f"sandbox: {{inputs: [{path}]}}"))[0]


def test_caches_are_kept_in_their_normal_spelling() -> None:
    found = contract("sandbox: {cache: [~/.triton/, ./.jit, build//cache, ~/.cache/./torch]}")
    assert found.sandbox.cache == ("~/.triton", ".jit", "build/cache", "~/.cache/torch")
    assert Contract.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    "path",
    ["/root/.triton", "'~'", "~/", "~/.", "~other/.triton", ".", "./", "..", "../x", "a/../b", "~/../x", "''", "/"],
)
def test_a_cache_that_is_no_folder_below_the_home_or_the_project_is_refused(path: str) -> None:
    (line,) = faults(instead(f"sandbox: {{cache: [{path}]}}"))
    assert line.startswith("program.md: key 'sandbox.cache.0': found '")
    assert line.partition(", expected ")[2].startswith(("a folder such as ~/.triton", "text that is not empty"))


@pytest.mark.parametrize(
    ("section", "part"),
    [
        ("cache: [.jit, .jit/]", "'.jit' and '.jit' overlap"),
        ("cache: [~/.cache/torch, ~/.cache]", "'~/.cache/torch' and '~/.cache' overlap"),
        ("cache: [train.py]", "may not hold the target 'train.py', nor lie below it"),
        ("cache: [train.py/x]", "may not hold the target"),
        ("cache: [data/jit], inputs: [data]", "'data/jit' overlaps with the input 'data'"),
        ("cache: [data], inputs: [./data/train]", "overlaps with the input"),
        ("cache: [~/.triton], inputs: [~/.triton]", "overlaps with the input"),
    ],
)
def test_caches_that_overlap_are_refused(section: str, part: str) -> None:
    (line,) = faults(instead(f"sandbox: {{{section}}}"))
    assert line.startswith("program.md: key 'sandbox.cache': ")
    assert part in line


def test_caches_of_like_names_do_not_overlap() -> None:
    assert len(contract("sandbox: {cache: [.jit, .jit2, ~/.jit, train.pyc], inputs: [.jit3, jit]}").sandbox.cache) == 4


def test_the_digest_follows_the_contract_and_neither_budget_nor_policy() -> None:
    first = parse(program(SHORTEST, "one"))
    same = parse(instead("budget: {max_experiments: 5}"))
    assert first.contract.digest() == same.contract.digest()
    assert first.sha256 != same.sha256
    assert first.contract.digest() != contract("target: other.py").digest()


def test_the_order_of_the_metrics_is_part_of_the_contract_and_that_of_variables_is_not() -> None:
    assert (
        contract("metrics: {a: minimize, b: minimize}").digest()
        != contract("metrics: {b: minimize, a: minimize}").digest()
    )
    assert contract("sandbox: {env: {A: x, B: y}}").digest() == contract("sandbox: {env: {B: y, A: x}}").digest()


def test_a_contract_survives_json() -> None:
    """The journal stores it so."""
    found = contract("metrics: {a: {goal: minimize, bounds: [0, 1]}, g: {goal: maximize, role: guard, min_ratio: 0.9}}")
    assert Contract.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(("args", "found"), [("{d: 2020-01-01}", "d is 2020-01-01"), ("{a: [1, .nan]}", "a.1 is nan")])
def test_arguments_of_a_call_are_what_json_holds(args: str, found: str) -> None:
    (fault,) = faults(instead(f"evaluate: {{call: {{function: f, args: {args}, check: e.py:c}}}}"))
    assert fault.startswith("program.md: key 'evaluate.call.args': found ")
    assert fault.endswith(found)


def test_artifacts_do_not_overlap() -> None:
    (fault,) = faults(instead("evaluate: {command: a, score: b, artifacts: [out/, out/x]}"))
    assert fault == "program.md: key 'evaluate.artifacts': 'out' and 'out/x' overlap: name the outer one alone"
