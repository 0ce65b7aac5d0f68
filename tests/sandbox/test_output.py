"""From bytes to metrics: what is asked for is read strictly, or the run is a crash; never a zero."""

import json
import math
from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from referee.sandbox.numerals import NotANumberError, number
from referee.sandbox.output import OutputError, read


def metrics(
    stdout: str = "",
    *,
    files: Mapping[str, str] | None = None,
    names: tuple[str, ...] = ("score",),
    channels: tuple[str, ...] = (),
) -> dict[str, float]:
    left = {name: text.encode() for name, text in (files or {}).items()}
    found = read(stdout.encode("utf-8", "surrogateescape"), left, names, {"wall_seconds": 2.5}, channels)
    return dict(found.metrics)


@pytest.mark.parametrize(
    "line",
    ["score: 0.5", "score : 0.5", "score:0.5", "score:\t5e-1", "score: +.5", "score: 0.5 ", "score: 0.5\r",
     "METRIC score=0.5", "METRIC score = 0.50", '{"score": 0.5}', 'log\n{"loss": 1, "score": 5E-1}\n\n'],
)  # fmt: skip
def test_every_form_is_read(line: str) -> None:
    assert metrics(f"start\n{line}\n")["score"] == 0.5


def test_all_of_the_output_may_be_one_json_object() -> None:
    assert metrics('{\n  "score": 0.5\n}\n')["score"] == 0.5


@pytest.mark.parametrize(
    "odd",
    ["nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-1e400", "1e-400", "1_000", "0x10", "٣", "\uff11", "1,5", "1 2",
     "", "0.5 bits", "0.5%", "--1", "1e", "1e9999999", "0.5\x00", "tensor(0.5)", "9" * 401],
)  # fmt: skip
@pytest.mark.parametrize("form", ["score: {}", "METRIC score={}"])
def test_an_odd_numeral_is_refused_and_named(form: str, odd: str) -> None:
    with pytest.raises(OutputError, match=r"^score in line 1: .* is"):
        metrics(form.format(odd))


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity", "1e400", "true", "null", '"0.5"', "[1]", "1e-400"])
def test_an_odd_json_value_is_refused(odd: str) -> None:
    with pytest.raises(OutputError, match=r"^score in "):
        metrics(f'{{"score": {odd}}}')


def test_a_missing_metric_is_refused_and_the_nearest_name_is_given() -> None:
    with pytest.raises(OutputError, match="score was not reported: the nearest name found is 'scores'"):
        metrics("scores: 1")


def test_indented_and_embedded_lines_do_not_count() -> None:
    with pytest.raises(OutputError, match="not reported"):
        metrics("  score: 1\nthe score: 2\nmy_score: 3\nscore = 4\n> score: 5")


@pytest.mark.parametrize(
    ("stdout", "files"),
    [
        ("score: 1\nscore: 2", {}),
        ("score: 1\nMETRIC score=2", {}),
        ('score: 1\n{"score": 2}', {}),
        ("score: 1", {"metrics.json": '{"score": 2}'}),
        ("", {"metrics.json": '{"score": 1}', "results/reward.json": '{"score": 2}'}),
    ],
)
def test_a_contradiction_is_refused(stdout: str, files: dict[str, str]) -> None:
    with pytest.raises(OutputError, match="score was reported twice with different values"):
        metrics(stdout, files=files)


def test_agreement_of_all_sources_is_fine() -> None:
    assert metrics("score: 1.0\nscore: 1", files={"metrics.json": '{"score": 1e0}'})["score"] == 1.0


@pytest.mark.parametrize("text", ['{"score": 1, "score": 1}', '{"a": {"b": 1, "b": 2}, "score": 1}'])
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(OutputError, match="twice"):
        metrics(text)
    with pytest.raises(OutputError, match="twice"):
        metrics(files={"metrics.json": text})


@pytest.mark.parametrize("text", ["", "[1]", "{", "nonsense", '{"score": 1} more', "[" * 100_000])
def test_a_file_that_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(OutputError, match=r"REFEREE_METRICS"):
        metrics(files={"metrics.json": text})


def test_metrics_with_correct_true_are_read_and_private_ones_are_not() -> None:
    document = {
        "combined_score": 2,
        "public": {"area": 3},
        "private": {"secret": 4},
        "inner": {"private": {"x": 1}, "depth": 5},
        "text_feedback": "fine",
    }
    files = {"results/metrics.json": json.dumps(document), "results/correct.json": '{"correct": true, "error": null}'}
    assert metrics(files=files, names=("combined_score",)) == {"combined_score": 2.0, "area": 3.0, "inner.depth": 5.0}
    with pytest.raises(OutputError, match="secret was not reported"):
        metrics(files=files, names=("secret",))


@pytest.mark.parametrize(
    "correct", ['{"correct": false, "error": "overlap"}', '{"correct": 1}', '{"correct": "true"}', "{}"]
)
def test_metrics_that_are_not_correct_are_refused(correct: str) -> None:
    files = {"results/metrics.json": '{"score": 1}', "results/correct.json": correct}
    with pytest.raises(OutputError, match="does not say that the result is correct"):
        metrics(files=files)


def test_metrics_without_correct_are_refused() -> None:
    with pytest.raises(OutputError, match=r"without correct\.json"):
        metrics(files={"results/metrics.json": '{"score": 1}'})


def test_rewards_are_read() -> None:
    assert metrics(files={"results/reward.txt": " 0.75\n"}, names=("reward",)) == {"reward": 0.75}
    assert metrics(files={"results/reward.json": '{"reward": 0.75}'}, names=("reward",)) == {"reward": 0.75}


def test_reserved_names_are_never_read_from_output() -> None:
    assert metrics("wall_seconds: 0.001\nscore: 1") == {"score": 1.0}
    assert metrics("wall_seconds: nan\nscore: 1", names=("wall_seconds",)) == {"wall_seconds": 2.5, "score": 1.0}


def test_other_numbers_are_returned_where_clean_and_never_a_reason_to_crash() -> None:
    text = "peak_vram_mb: 45060.2\nmemory_gb: 1\nmemory_gb: 2\nepoch: 3/10\nloss: nan\nodd: 1\nodd: x\nscore: 1"
    assert metrics(text) == {"peak_vram_mb": 45060.2, "score": 1.0}


def test_a_flood_of_other_names_is_bounded() -> None:
    assert len(metrics("\n".join(f"n{i}: {i}" for i in range(5000)) + "\nscore: 1")) == 101


def test_a_metric_may_have_any_name() -> None:
    assert metrics("top 1 (%): 3", names=("top 1 (%)",)) == {"top 1 (%)": 3.0}


def test_karpathys_summary_is_read() -> None:
    text = (
        "step 00953 | loss 3.1\r\n---\nval_bpb:          0.997900\ntraining_seconds: 300.1\npeak_vram_mb:     45060.2\n"
    )
    assert metrics(text, names=("val_bpb",)) == {"val_bpb": 0.9979, "training_seconds": 300.1, "peak_vram_mb": 45060.2}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_survives_as_python_prints_it(value: float) -> None:
    read_value = metrics(f"score: {value!r}")["score"]
    assert read_value == value
    assert math.copysign(1, read_value) == 1 or value < 0
    assert metrics(json.dumps({"score": value}))["score"] == value


@given(st.text())
def test_a_text_is_a_number_only_if_python_agrees_and_it_is_plain(text: str) -> None:
    try:
        value = number(text)
    except NotANumberError:
        return
    assert value == float(text)
    assert math.isfinite(value)
    assert text.isascii()
    assert set(text) <= set("0123456789+-.eE")


@given(st.binary(max_size=300))
def test_no_output_breaks_the_reader_or_makes_up_a_metric(stdout: bytes) -> None:
    assume(b"score" not in stdout)
    with pytest.raises(OutputError):
        read(stdout, {}, ("score",), {})
    assert all(math.isfinite(value) for value in read(stdout, {}, (), {}).metrics.values())


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_no_document_breaks_the_reader(document: object) -> None:
    try:
        found = read(b"", {"metrics.json": json.dumps(document).encode()}, (), {})
    except OutputError:
        return
    assert all(math.isfinite(value) for value in found.metrics.values())


@pytest.mark.promise("earned keep")
def test_what_is_said_outside_the_channels_in_force_is_no_metric() -> None:
    files = {"metrics.json": '{"score": 0.5}'}
    assert metrics("score: 999", files=files, channels=("$REFEREE_METRICS",)) == {"score": 0.5}
    with pytest.raises(OutputError, match="score was not reported"):
        metrics("score: 999", channels=("$REFEREE_METRICS",))


def test_the_channels_that_were_used_are_named() -> None:
    found = read(b"score: 0.5", {"metrics.json": b'{"score": 0.5, "other": 1}'}, ("score",), {})
    assert found.channels == ("$REFEREE_METRICS", "lines of standard output")
