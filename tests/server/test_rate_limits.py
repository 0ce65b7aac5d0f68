"""When a rate limit ends, in the words of the clients and of HTTP services."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from referee.server.overnight.pace import Pace, Patience
from referee.server.overnight.rate_limits import LONGEST, mentioned, seconds_to_wait

NOW = datetime(2026, 11, 21, 18, 0, 0, tzinfo=UTC)
HOUR = 3600.0
EPOCH = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (f"Claude AI usage limit reached|{EPOCH + 3600}", HOUR),
        (f"rate limit: resets_at {EPOCH + 60}", 60),
        (f'{{"rate_limit":"rejected","resetsAt":{EPOCH + 60}}}', 60),
        (f'{{"type":"rate_limit","resets_at": {(EPOCH + 60) * 1000}}}', 60),
        ('{"status":429,"resets_at":"2026-11-22T03:00:00Z"}', 9 * HOUR),
        ("overloaded, resets at 2026-11-21T20:00:00+01:00", HOUR),
        ("5-hour limit reached · resets 3am", 9 * HOUR),
        ("You've hit your limit · resets 9pm (Europe/Berlin)", 2 * HOUR),
        ("limit resets Nov 22, 3:40pm (UTC)", 21 * HOUR + 40 * 60),
        ("Your limit resets 12am", 6 * HOUR),
        ("Your limit resets 12pm", 18 * HOUR),
        ("Your limit resets 17:30", 23.5 * HOUR),
        ("You've hit your usage limit. Try again at 3:40 PM.", 21 * HOUR + 40 * 60),
        ("You've hit your session limit · resets 3:40\u202fPM", 21 * HOUR + 40 * 60),
        ("Usage limit: try again at Nov 22nd, 2026 3:40 PM.", 21 * HOUR + 40 * 60),
        ("Usage limit. Try again in 3 hours 20 minutes.", 3 * HOUR + 20 * 60),
        ("usage limit: try again in 1 day, 2 hours and 5 minutes", 26 * HOUR + 300),
        ("Rate limit reached for gpt. Please try again in 1.5s.", 1.5),
        ("Too many requests. Please try again in 6m0s.", 360),
        ("Error 429, try again in 20ms", 0.02),
        ("Error 529: retry after 30", 30),
        ("Overloaded; retry after 2 minutes", 120),
        ("HTTP/1.1 429\r\nRetry-After: 30\r\n", 30),
        ('{"type": "rate_limit_error", "retry_after": 12.5}', 12.5),
        ("rate-limited, retry-after-ms: 1500", 1.5),
        ("rate limit: retry after 5\nthen: retry after 50", 50),
    ],
)
def test_the_time_that_a_client_names_is_understood(text: str, seconds: float) -> None:
    assert seconds_to_wait([text], NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "boom",
        "the optimizer resets 3 times",
        "loss reached 1700000000",
        f"usage limit reached|{EPOCH - 60}",
        "resets at 25:00",
        "resets 13pm",
        "resets 0am",
        "resets Feb 30, 3am",
        "resets_at 2026-99-99T00:00",
        "try again later",
        "try again in a while",
        "try again in 3000 weeks",
        "retry after the evaluation",
    ],
)
def test_what_names_no_time_is_none(text: str) -> None:
    assert seconds_to_wait([text], NOW) is None
    assert seconds_to_wait([f"rate limit: {text}"], NOW) is None


@pytest.mark.parametrize(
    "text",
    [
        "lr resets at Nov 25, 2026 10:30",
        "step 12: learning rate warmup, retry after 5000 steps",
        "learning-rate limit; the schedule resets at 10:30",
        "trial 429 kept until 03:15",
        "step 529: available at 3:40 pm",
        'File "train.py", line 429, waited until 12:00',
        "val loss 0.529, try again in 3 hours",
    ],
)
def test_a_time_in_a_text_that_speaks_of_no_limit_is_none(text: str) -> None:
    assert seconds_to_wait([text], NOW) is None
    assert not mentioned([text])


@pytest.mark.parametrize("amount", ["5 \u017f", "5 \u017fec", "\u0663 hours", "5 \u212a"])
def test_letters_and_digits_of_other_alphabets_are_no_time_and_no_fault(amount: str) -> None:
    assert seconds_to_wait([f"rate limit: try again in {amount}"], NOW) is None
    assert seconds_to_wait([f"rate limit: retry after {amount}"], NOW) in {None, 5.0}


def test_a_time_of_day_without_a_zone_is_that_of_the_machine() -> None:
    here = NOW.astimezone(ZoneInfo("Asia/Tokyo"))
    assert seconds_to_wait(["limit resets 4am"], here) == HOUR


def test_a_zone_that_nobody_knows_is_taken_for_that_of_the_machine() -> None:
    assert seconds_to_wait(["limit resets 7pm (Mars/Olympus)"], NOW) == HOUR


def test_a_day_that_has_passed_is_one_of_next_year_and_too_far_to_wait_for() -> None:
    assert seconds_to_wait(["limit resets Mar 3, 3am"], NOW) is None
    december = datetime(2026, 12, 30, 18, 0, 0, tzinfo=UTC)
    assert seconds_to_wait(["limit resets Jan 2, 6pm"], december) == 3 * 24 * HOUR


MOMENTS = st.datetimes(
    min_value=datetime(2026, 1, 2),  # noqa: DTZ001 - Hypothesis wants it without a zone
    max_value=datetime(2033, 1, 1),  # noqa: DTZ001 - likewise
    timezones=st.sampled_from([UTC, ZoneInfo("Asia/Kolkata")]),
)


@given(MOMENTS, st.integers(0, int(LONGEST)))
def test_an_epoch_is_waited_for_to_the_second(now: datetime, seconds: int) -> None:
    text = f"usage limit reached|{int(now.timestamp()) + seconds + 1}"
    found = seconds_to_wait([text], now)
    assert found is None or abs(found - seconds) <= 1
    assert (found is None) == (seconds + 1 - now.timestamp() % 1 > LONGEST)


@given(MOMENTS, st.integers(1, 12), st.integers(0, 59), st.sampled_from(["am", "PM", " a.m.", " pm"]))
def test_a_time_of_day_is_the_next_one(now: datetime, hour: int, minute: int, half: str) -> None:
    found = seconds_to_wait([f"limit resets {hour}:{minute:02d}{half}"], now)
    assert found is not None
    assert 0 < found <= 24 * HOUR
    there = now + timedelta(seconds=found)
    assert (there.hour % 12, there.minute, there.hour >= 12) == (hour % 12, minute, "p" in half.lower())


@given(st.integers(0, 6), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_amounts_are_added_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"rate limit: try again in {days} days {hours} hours {minutes} minutes {seconds} seconds"
    assert seconds_to_wait([text], NOW) == days * 86_400 + hours * HOUR + minutes * 60 + seconds


@given(st.text(), MOMENTS)
def test_no_text_is_a_fault_and_no_wait_is_endless(text: str, now: datetime) -> None:
    for said in (text, f"resets {text}", f"try again in {text}", f"retry after {text}", f"resets_at {text}"):
        found = seconds_to_wait([f"rate limit: {said}"], now)
        assert found is None or 0 <= found <= LONGEST


@given(st.from_regex(r"(resets|try again at|retry after|resets_at)( at| in)? [\d: ,apm.TZ+-]{0,30}", fullmatch=True))
def test_what_nearly_names_a_time_is_no_fault_either(text: str) -> None:
    found = seconds_to_wait([f"rate limit: {text}"], datetime.now(timezone(timedelta(hours=-3))))
    assert found is None or 0 <= found <= LONGEST


# --- patience --------------------------------------------------------------------------------------------------------


def test_waits_double_up_to_the_longest_and_then_it_is_enough() -> None:
    patience = Patience(Pace())
    waits = [patience.wait(trials=0, failed=True, named=None) for _ in range(9)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600]
    assert not patience.exhausted
    patience.wait(trials=0, failed=True, named=None)
    assert patience.exhausted


def test_a_trial_ends_the_row_of_failures() -> None:
    patience = Patience(Pace())
    for _ in range(9):
        patience.wait(trials=0, failed=True, named=None)
    assert patience.wait(trials=1, failed=False, named=None) == 0
    assert patience.failures == 0
    assert patience.wait(trials=2, failed=True, named=None) == 5


def test_a_long_rate_limit_is_no_failure_and_a_short_one_is() -> None:
    patience = Patience(Pace())
    assert patience.wait(trials=0, failed=True, named=HOUR / 2, limited=True) == HOUR / 2 + 5
    assert (patience.failures, patience.limits) == (0, 1)
    assert patience.wait(trials=0, failed=True, named=1.0, limited=True) == 6
    assert patience.failures == 1


def test_no_wait_is_longer_than_an_hour_and_each_counts_whatever_time_is_named() -> None:
    patience = Patience(Pace())
    assert {patience.wait(trials=0, failed=True, named=150 * HOUR, limited=True) for _ in range(71)} == {HOUR}
    assert not patience.exhausted
    patience.wait(trials=0, failed=True, named=150 * HOUR, limited=True)
    assert patience.exhausted


def test_a_rate_limit_that_names_no_time_is_waited_for_long_and_not_for_ever() -> None:
    """An API key's limit of an hour must not end a night that gives up after half of one."""
    patience = Patience(Pace())
    waits = [patience.wait(trials=0, failed=True, named=None, limited=True) for _ in range(71)]
    assert set(waits) == {600}
    assert not patience.exhausted
    patience.wait(trials=0, failed=True, named=None, limited=True)
    assert patience.exhausted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("API Error: Request rejected (429) · This request would exceed your account's rate limit.", True),
        ("Error code: 529 Overloaded", True),
        ("Too Many Requests", True),
        ("insufficient_quota", False),
        ("loss 1429", False),
        ("", False),
    ],
)
def test_a_rate_limit_is_known_by_its_words(text: str, said: bool) -> None:  # noqa: FBT001 - a parameter of the table
    assert mentioned([text]) is said
