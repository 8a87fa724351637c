"""Alerts by hand and by law: when a rule fires, what its past is worth, and what a bad rule is told."""

import datetime as dt
import json
import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexposure_core.errors import BadInput
from dexposure_core.network import Snapshot
from dexposure_core.pipeline.alerts import (
    RuleFile,
    alerts,
    as_grave_as,
    as_lines,
    document,
    feed,
    parse_line,
    parse_lines,
    parse_rules,
    records,
    shipped,
)
from dexposure_core.pipeline.alerts.acks import ack_now, acks_text, change_acks, parse_acks, read_acks
from dexposure_core.pipeline.alerts.ahead import Outlook, outlook
from dexposure_core.pipeline.alerts.foreseen import foreseen
from dexposure_core.pipeline.alerts.judge import course, record
from dexposure_core.pipeline.alerts.observe import concerning
from dexposure_core.pipeline.alerts.rules import Rule
from dexposure_core.pipeline.chains.lens import open_lens
from dexposure_core.store import open_store
from tests.app.conftest import EVIL, LAST, world
from tests.pipeline.chains.chainworld import publish

MONDAY = dt.date(2024, 1, 1)


def day(place: int) -> dt.date:
    return MONDAY + dt.timedelta(weeks=place)


def series(*values: float | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"date": [day(i) for i in range(len(values))], "value": values}, schema_overrides={"value": pl.Float64}
    )


def fired(seen: pl.DataFrame) -> list[int]:
    return [(date - MONDAY).days // 7 for date in seen.filter("fired")["date"]]


# Up and down by 1: every change is 1 or -1, so sigma is about 1.
CALM = [10.0, 11.0] * 8


def test_a_threshold_fires_when_it_is_passed_and_lasts_while_it_is():
    seen = course(series(1, 2, 5, 6, 3, None, 7), Rule(indicator="tvl_hhi", above=4))
    assert fired(seen) == [2, 6]
    assert seen["beyond"].to_list() == [False, False, True, True, False, False, True]
    assert seen["since"].to_list()[3] == day(2)


def test_what_is_passed_from_the_first_snapshot_on_never_fired():
    seen = course(series(None, 9, 9, 1, 9), Rule(indicator="tvl_hhi", above=4))
    assert fired(seen) == [4]
    assert seen["since"].to_list()[2] == day(1)


def test_below_is_the_mirror_of_above():
    up = course(series(*CALM), Rule(indicator="tvl_hhi", above=10.5))
    down = course(series(*[-v for v in CALM]), Rule(indicator="tvl_hhi", below=-10.5))
    assert up["beyond"].to_list() == down["beyond"].to_list()


def test_the_early_warning_is_the_flag():
    seen = course(series(*CALM, 16), Rule(indicator="tvl_hhi", sigmas=2, window=10))
    assert fired(seen) == [16]  # 11 → 16 is five times a usual change of about 1
    assert seen["direction"].to_list()[-1] == 1


def test_a_false_alarm_is_followed_by_nothing():
    # the jump by 5 at snapshot 16; by 20 nothing has moved 5 further up
    rule = Rule(indicator="tvl_hhi", above=14)
    quiet = record(course(series(*CALM, 16, 16, 16, 16, 16), rule), [], after=4)
    assert (quiet.fired, quiet.judged, quiet.false_alarms) == (1, 1, 1)
    assert math.isnan(quiet.false_alarm_rate)  # one firing says nothing about a rate
    on = record(course(series(*CALM, 16, 16, 16, 16, 21), rule), [], after=4)
    assert (on.judged, on.false_alarms) == (1, 0)
    short = record(course(series(*CALM, 16, 16, 16, 16, 20.9), rule), [], after=4)
    assert short.false_alarms == 1


def test_an_event_within_the_weeks_after_makes_it_right():
    seen = course(series(*CALM, 16, 16, 16, 16, 16), Rule(indicator="tvl_hhi", above=14))
    assert record(seen, [day(20)], after=4).false_alarms == 0
    assert record(seen, [day(16)], after=4).false_alarms == 0  # the week of the alarm counts
    assert record(seen, [day(15)], after=4).false_alarms == 1  # the week before does not


def test_an_alarm_whose_future_is_not_known_is_not_judged():
    seen = course(series(*CALM, 16, 16, 16, 16), Rule(indicator="tvl_hhi", above=14))
    assert (record(seen, [], after=4).fired, record(seen, [], after=4).judged) == (1, 0)


def test_a_rate_needs_five_judged_firings():
    values = [10.0, 11.0, 12.0] * 10  # above 11.5 at every third snapshot; nothing further up ever follows
    told = record(course(series(*values), Rule(indicator="tvl_hhi", above=11.5)), [], after=2)
    assert told.fired == 10
    assert told.false_alarm_rate == 1.0
    assert 0 < told.at_random < 1  # from 10, after a fall by 2, it goes up by 2


def test_without_history_nothing_fires_and_nothing_is_defined():
    for values in ((), (1.0,), (None, None)):
        told = record(course(series(*values), Rule(indicator="tvl_hhi", sigmas=2, window=10)), [], after=4)
        assert (told.fired, told.judged, told.last) == (0, 0, None)
        assert math.isnan(told.false_alarm_rate)
        assert math.isnan(told.at_random)


@given(
    values=st.lists(st.one_of(st.none(), st.floats(-100, 100)), min_size=1, max_size=60),
    cut=st.integers(1, 60), level=st.floats(-50, 50), early=st.booleans(),
)  # fmt: skip
def test_the_future_changes_no_firing_and_takes_no_judgement_back(values, cut, level, early):
    rule = Rule(indicator="tvl_hhi", sigmas=1.5, window=10) if early else Rule(indicator="tvl_hhi", above=level)
    whole, part = course(series(*values), rule), course(series(*values[:cut]), rule)
    assert part.equals(whole.head(cut))
    before, after = record(part, [], after=3), record(whole, [], after=3)
    assert before.judged <= after.judged
    assert before.false_alarms <= after.false_alarms


@given(scale=st.floats(0.1, 1e9), values=st.lists(st.integers(-50, 50), min_size=12, max_size=60))
def test_the_unit_changes_no_early_warning(scale, values):
    rule = Rule(indicator="tvl_hhi", sigmas=2.003, window=10)  # no tie of |change| and limit in whole numbers
    small, large = (course(series(*[v * k for v in values]), rule) for k in (1.0, scale))
    near = ((small["change"].abs() - small["limit"]).abs() < 1e-6).fill_null(value=False)
    assert [b for b, n in zip(small["beyond"], near, strict=True) if not n] == [
        b for b, n in zip(large["beyond"], near, strict=True) if not n
    ]


def test_events_that_concern_a_rule():
    rows = [
        (day(0), "market crash", "1;2", None), (day(1), "exploit", "2", 5e6), (day(2), "bridge exploit", "3", 2e9),
        (day(3), "exploit", "Bank Three", None),
    ]  # fmt: skip
    events = pl.DataFrame(
        rows, schema=["date", "kind", "protocols", "loss_usd"], orient="row", infer_schema_length=None
    )
    assert concerning(events, Rule(indicator="tvl_hhi", above=1), {}) == [day(0), day(2)]
    assert concerning(events, Rule(protocol="2", below=1), {}) == [day(0), day(1)]
    assert concerning(events, Rule(creditor="3", debtor="9", above=1), {"3": "Bank Three"}) == [day(2), day(3)]


def test_a_probability_is_read_from_the_interval():
    says = Outlook(value=10, low=8, high=14)
    over = {level: says.passes(Rule(indicator="tvl_hhi", above=level)) for level in (8, 10, 14)}
    assert over == pytest.approx({8: 0.95, 10: 0.5, 14: 0.05})  # the ends of a 90 % interval
    assert says.passes(Rule(indicator="tvl_hhi", below=8)) == pytest.approx(0.05)
    assert math.isnan(Outlook(value=10).passes(Rule(indicator="tvl_hhi", above=8)))
    assert math.isnan(Outlook(value=20, low=8, high=14).passes(Rule(indicator="tvl_hhi", above=8)))
    assert Outlook(value=10, low=10, high=10).passes(Rule(indicator="tvl_hhi", above=9)) == 1.0


def foreseen_numbers(**numbers: tuple[float, float, float]) -> SimpleNamespace:
    """A kept forecast of indicators (expected, low, high) and of Alpha Bank's TVL and importance."""
    table = pl.DataFrame(
        [(n, *v) for n, v in numbers.items()], schema=["name", "forecast", "low", "high"], orient="row"
    )
    bank = {"protocol": ["1"], "tvl_low": [1e9], "tvl_high": [9e9], "sis": [0.6], "sis_low": [0.5], "sis_high": [0.9]}
    forecast = SimpleNamespace(protocols=np.array(["1", "2", "3"], dtype=object), tvl_usd=np.array([3e9, 1e9, 1e9]))
    return SimpleNamespace(forecast=forecast, drawn=SimpleNamespace(numbers=table, importance=pl.DataFrame(bank)))


def test_what_a_forecast_says_of_a_rule():
    kept = foreseen_numbers(**{"tvl_hhi": (0.2, 0.1, 0.3), "loss:a:x": (0.1, 0.0, 0.2), "loss:b:x": (0.4, 0.3, 0.5)})
    nothing = ("tvl_usd@9>1", "exposure@1,9>1", "density>1")
    told = ("tvl_hhi>1", "worst_loss>1", "tvl_usd@1>1", "sis@1>1", *nothing)
    said = {line: outlook(kept, parse_line(line)) for line in told}
    assert said["tvl_hhi>1"] == Outlook(value=0.2, low=0.1, high=0.3)
    assert said["worst_loss>1"] == Outlook(value=0.4, low=0.3, high=0.5)  # the largest expected loss
    assert said["tvl_usd@1>1"] == Outlook(value=3e9, low=1e9, high=9e9)
    assert said["sis@1>1"] == Outlook(value=0.6, low=0.5, high=0.9)
    for line in nothing:
        assert math.isnan(said[line].value)


def test_a_forecast_raises_what_is_likely_and_not_there_yet(store):
    today = store.history("tvl_hhi")["value"].to_list()[-1]
    kept = foreseen_numbers(tvl_hhi=(today * 2, today * 1.5, today * 3))
    rules = parse_lines(f"tvl_hhi>{today * 1.6};tvl_hhi>{today * 2.5};tvl_hhi>{today / 2};density>9")
    found = alerts(store, LAST, "holdings", RuleFile(rules=rules), kept, 4)
    assert [(a.kind, a.severity) for a in found.alerts] == [("observed", "warning"), ("forecast", "notice")]
    likely = found.alerts[1]
    assert 0.5 < likely.probability < 0.95  # the threshold lies between the 5 % quantile and the expectation
    assert "will be above" in likely.words()
    assert "in 4 snapshots with a probability of" in likely.words()
    assert (likely.value, likely.today) == (today * 2, today)
    without = alerts(store, LAST, "holdings", RuleFile(rules=rules))
    assert [a.kind for a in without.alerts] == ["observed"]
    assert without.ahead == 0


def test_an_early_warning_on_a_forecast_asks_for_more_over_more_weeks():
    rule = Rule(indicator="tvl_hhi", sigmas=2, window=10)
    seen = course(series(*CALM), rule)  # ends at 11; ten changes of 1 and -1 have sigma sqrt(10/9) = 1.054
    told = {h: foreseen(rule, "HHI", seen, foreseen_numbers(tvl_hhi=(16, 14, 18)), h) for h in (1, 4)}
    assert told[1].limit == pytest.approx(2 * math.sqrt(10 / 9))
    assert told[4].limit == pytest.approx(2 * told[1].limit)  # sqrt(4)
    assert told[1].probability == pytest.approx(0.99, abs=0.01)  # 11 + 2.11 lies below the 5 % quantile
    assert (told[4].direction, told[4].window_end) == (1, day(15))  # the window ends with the origin
    assert told[4].probability == pytest.approx(told[4].says.above(11 + told[4].limit))
    down = foreseen(rule, "HHI", seen, foreseen_numbers(tvl_hhi=(6, 4, 8)), 1)
    assert (down.direction, down.probability) == (-1, pytest.approx(told[1].probability))  # the mirror of 16 about 11
    short = foreseen(rule, "HHI", course(series(1, 2, 1), rule), foreseen_numbers(tvl_hhi=(6, 4, 8)), 1)
    assert short.how == "not defined: too few changes to know what is usual"
    none = foreseen(rule, "HHI", seen, foreseen_numbers(tvl_hhi=(6, math.nan, math.nan)), 1)
    assert "no interval" in none.how


def test_the_probability_of_an_exposure_is_the_share_of_futures():
    def future(owed: float) -> Snapshot:
        rows = [(0, 1, owed), (0, 2, 5.0)] if owed else [(0, 2, 5.0)]
        return Snapshot(
            date=LAST, basis="holdings", protocols=["1", "2", "3"], names=["A", "B", "C"], sectors=["x"] * 3,
            tvl_usd=[owed + 5, 1, 1], creditor=[r[0] for r in rows], debtor=[r[1] for r in rows],
            exposure_usd=[r[2] for r in rows],
        )  # fmt: skip

    drawn = tuple(future(owed) for owed in (0.0, 10.0, 20.0, 40.0))
    past, kept = series(1, 1, 1), foreseen_numbers()

    def chance(line: str, futures=lambda: drawn):
        rule = parse_line(line)
        return foreseen(rule, "x", course(past, rule), kept, 4, futures)

    assert chance("exposure@1,2>15").probability == 0.5  # 20 and 40 of four
    assert chance("exposure@1,2<15").probability == 0.5  # the pair is missing from one future: 0
    assert chance("tvl_usd@1>12").probability == 0.75
    assert chance("as_creditor_usd@1>12").probability == 0.75
    assert chance("as_debtor_usd@2>12").probability == 0.5
    assert chance("exposure@2,3>1").probability == 0.0
    assert chance("exposure@1,2>15").how == "share of futures"
    assert chance("exposure@1,9>15").how == "not defined: the forecast does not know it"
    left = Snapshot(
        date=LAST, basis="holdings", protocols=["1", "3"], names=["A", "C"], sectors=["x"] * 2, tvl_usd=[9, 1],
        creditor=[0], debtor=[1], exposure_usd=[5.0],
    )  # fmt: skip
    assert chance("exposure@1,2>15", lambda: (left, *drawn[1:])).probability == 0.5  # 2 has left one future: 0 there
    assert chance("tvl_usd@2>0.5", lambda: (left, *drawn[1:])).probability == 0.75
    alone = chance("exposure@1,2>15", lambda: ())
    assert math.isnan(alone.probability)
    assert alone.how.startswith("not defined: ")


@pytest.mark.parametrize(
    "line",
    [
        "tvl_hhi>0.18",
        "worst_loss<0.1",
        "tvl_usd@111<5000000000",
        "exposure@a%2Cb,c%3Ed>1e+20",
        "debtor_hhi~2/26",
        "tvl_hhi~",
        "*~",
    ],
)
def test_a_line_names_its_rule(line):
    assert parse_line(line).line == line


def test_a_hostile_name_is_no_operator():
    rule = Rule(protocol=EVIL + "<>~;@,", below=5.0)
    assert parse_lines(as_lines([rule, rule])) == (rule,)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tvl_hi>0.1", "did you mean 'tvl_hhi'"), ("tvl_hhi>", "is no number"), ("tvl_hhi=1", "is no rule"),
        ("tvl_hhi>-", "is no number"), ("tvl@1>2", "no number 'tvl' of a protocol"), ("exposure@1>5", "one end"),
        ("*>1", "name the indicator"), ("tvl_hhi>1e999", "is no threshold"), ("tvl_hhi~0", "sigmas"),
        ("tvl_hhi~2/1", "window"), ("tvl_hhi~2/-5", "is no window"), ("", "is no rule"), ("x" * 100_000, "is no rule"),
    ],
)  # fmt: skip
def test_a_bad_line_is_told_what_to_write(line, said):
    with pytest.raises(BadInput, match="limit: ") as refused:
        parse_line(line, "limit")
    assert said in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no rule"), ("[[rule]", "not TOML"), ("rule = 3", "no rule"), ("rule = [1]", "rule 1: 1 is no rule"),
        ("[[rule]]\nindicator = 'tvl_hhi'\nabov = 1", "rule 1: no such entry 'abov'; did you mean 'above'"),
        ("[[rule]]\nindicator = 'tvl_hhi'\nabove = '1'", "rule 1, above: '1' is no number"),
        ("[[rule]]\nindicator = 'tvl_hhi'\nabove = nan", "above: nan is no number"),
        ("[[rule]]\nindicator = 'tvl_hhi'\nabove = true", "above: True is no number"),
        ("[[rule]]\nindicator = 'tvl_hhi'\nabove = 1\nbelow = 2", "two rules"),
        ("[[rule]]\nindicator = 'tvl_hhi'\nprotocol = '1'\nabove = 1", "what is watched is not clear"),
        ("[[rule]]\nindicator = 'tvl_hhi'\nabove = 1\nwindow = 5", "a threshold has no sigmas"),
        ("[[rule]]\nindicator = 'tvl_hhi'\nwindow = 2.5", "window: 2.5 is no whole number"),
        ("[[rule]]\nprotocol = 111\nabove = 1", "protocol: 111 where a text belongs; put it in quotes"),
        ("[[rule]]\nindicator = 'tvl_hhi'\nof = 'sis'", "it needs a protocol"),
        ("[[rule]]\nindicator = 'tvl_hhi'\nseverity = 'allarm'", "did you mean 'alarm'"),
        ("[[rule]]\nindicator = 'tvl_hhi'\nlikely = 0", "likely = 0.0 is no probability"),
        ("after = 0\n[[rule]]\nindicator = 'tvl_hhi'", "after: 0 is no number of snapshots"),
        ("[[rule]]\nindicator = 'tvl_hhi'\n[[rule]]\nindicator = 'tvl_hhi'", "rule 2: the same as another one"),
        ("a = " + "[" * 5_000, "not TOML"),
    ],
)  # fmt: skip
def test_a_bad_file_is_told_where_and_what_to_write(text, said):
    with pytest.raises(BadInput, match=r"mine\.toml") as refused:
        parse_rules(text, "mine.toml")
    assert said in str(refused.value)


def test_a_file_of_rules_survives_a_round_trip():
    mine = RuleFile(
        rules=(
            Rule(protocol='"\n', of="sis", above=0.5, severity="alarm", likely=0.1, note="why\\"),
            Rule(creditor="1", debtor="2", above=1e9), Rule(indicator="*", sigmas=2.5, window=30),
        ), after=7, title="Ours",
    )  # fmt: skip
    assert parse_rules(mine.text()) == mine
    assert parse_rules(shipped().text()) == shipped()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alerts")
    world(folder)
    return open_store(folder)


MINE = parse_lines("tvl_usd@5>1;exposure@1,4>1;tvl_usd@6>1;default_loss@4>0.01")


def test_alerts_of_a_vintage(store):
    found = alerts(store, LAST, "holdings", shipped().having(MINE))
    said = {a.rule.line: a for a in found.alerts}
    assert found.failed == ()
    exchange = said["tvl_usd@5>1"]  # it enters in week 12
    assert (exchange.since, exchange.snapshots) == (LAST - dt.timedelta(weeks=7), 8)
    assert exchange.words().startswith("Epsilon Exchange: TVL is USD ")
    assert said["exposure@1,4>1"].words().startswith("Alpha Bank → Delta Dollar: Exposure is USD ")
    assert [a.rank for a in found.alerts] == sorted(a.rank for a in found.alerts)
    assert as_grave_as(found, "notice") == found.alerts
    assert {r.line for r, _, _ in found.rules} >= {"tvl_hhi~2/26", "worst_loss~2/26"}


def test_an_alert_keeps_its_id_while_it_lasts_and_another_does_not_have_it(store):
    rules = RuleFile(rules=MINE)
    week = dt.timedelta(weeks=1)
    now, before = ({a.rule.line: a.id for a in alerts(store, d, "holdings", rules).alerts} for d in (LAST, LAST - week))
    assert now == before
    assert len(set(now.values())) == len(now)
    flow = {a.rule.line: a.id for a in alerts(store, LAST, "flow", rules).alerts}
    assert not set(flow.values()) & set(now.values())


def test_the_past_knows_no_future(store, tmp_path):
    world(tmp_path, weeks=15, last=LAST - dt.timedelta(weeks=5))
    shorter, date = open_store(tmp_path), LAST - dt.timedelta(weeks=5)
    rules = shipped().having(MINE)
    then, later = (alerts(s, date, "holdings", rules) for s in (shorter, store))
    assert records(then).equals(records(later))
    assert feed(then, {}).equals(feed(later, {}))


def test_a_rule_on_nothing_is_named(store):
    found = alerts(store, LAST, "holdings", RuleFile(rules=parse_lines("tvl_usd@nobody>1;tvl_usd@1>1")))
    assert [(rule.line, "No protocol 'nobody'" in reason) for rule, reason in found.failed] == [
        ("tvl_usd@nobody>1", True)
    ]
    assert len(found.alerts) == 1


def test_feeds_hold_everything_and_defuse_names(store):
    found = alerts(store, LAST, "holdings", RuleFile(rules=MINE))
    seen = {found.alerts[0].id: ack_now("known", "x")}
    told = document("v", found, seen)
    json.dumps(told, allow_nan=False)
    assert told["unacknowledged"] == len(found.alerts) - 1
    assert [row["acknowledged"] for row in told["alerts"]].count(True) == 1
    assert feed(found, seen).height == len(found.alerts)


def test_acknowledgements_survive_a_round_trip_and_refuse_what_they_are_not(tmp_path):
    file = tmp_path / "deep" / "acks.json"
    assert read_acks(file) == {}
    one = {"0123456789ab": ack_now("=cmd|' /C calc'!A0" + "n" * 600, "words")}
    assert change_acks(file, one) == one
    assert read_acks(file) == one
    assert len(one["0123456789ab"].note) == 500
    assert parse_acks(acks_text(one).encode()) == one
    assert change_acks(file, {}, ("0123456789ab",)) == {}
    for content in (b"", b"[]", b'{"format":2,"acknowledged":{}}', b'{"format":1,"acknowledged":{"x":{}}}', b"\xff",
                    b'{"format":1,"acknowledged":{"0123456789ab":3}}', b"[" * 100_000):  # fmt: skip
        with pytest.raises(BadInput, match=r"acks\.json"):
            parse_acks(content, "acks.json")


_WRITER = """
import sys
from pathlib import Path
from dexposure_core.pipeline.alerts.acks import ack_now, change_acks
for place in range(int(sys.argv[2]), int(sys.argv[2]) + int(sys.argv[3])):
    change_acks(Path(sys.argv[1]), {f"{place:012x}": ack_now("n" * 400, "")})
    print(place, flush=True)
"""


def test_two_writers_lose_nothing(tmp_path):
    file = tmp_path / "acks.json"
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(file), str(start), "15"], stdout=subprocess.DEVNULL)
               for start in (0, 100)]  # fmt: skip
    assert [w.wait(120) for w in writers] == [0, 0]
    assert len(read_acks(file)) == 30


def test_a_kill_leaves_whole_files(tmp_path):
    file = tmp_path / "acks.json"
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(file), "0", "100000"], stdout=subprocess.PIPE) as writer:
        told = [writer.stdout.readline() for _ in range(20)]
        writer.kill()
    assert len(read_acks(file)) >= len(told)
    assert change_acks(file, {"f" * 12: ack_now("", "")})  # and the lock went with it


def test_an_alert_on_some_chains_is_another_alert_and_one_pair_is_named_as_not_watched(tmp_path, monkeypatch):
    monkeypatch.setenv("DEXPOSURE_CACHE_DIR", str(tmp_path / "cache"))
    publish(tmp_path / "store")
    whole = open_store(tmp_path / "store")
    part = open_lens(whole, ["Base"])
    rules = RuleFile(rules=parse_lines("system_tvl_usd>1;exposure@1,2>1"))
    day = part.dates("holdings")[-1]
    ours, theirs = (alerts(store, day, "holdings", rules) for store in (part, whole))
    ids = [next(a.id for a in found.alerts if a.rule.indicator) for found in (ours, theirs)]
    assert ids[0] != ids[1]
    assert [(rule.line, "not offered for Base" in why) for rule, why in ours.failed] == [("exposure@1,2>1", True)]
