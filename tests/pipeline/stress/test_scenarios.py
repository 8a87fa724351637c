"""What breaks in a person's words: sectors, chains, wrapped tokens, scenario files, past events, and every refusal."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from dexposure_core.errors import BadInput, BadOption, UnknownChain, UnknownName, UnknownScenario, UnknownSector
from dexposure_core.pipeline.stress.failure_history import failure_history, too_central
from dexposure_core.pipeline.stress.many import drawn, estimated, failures, smallest
from dexposure_core.pipeline.stress.scenario_file import find_replay, parse_scenario, read_scenario, replays
from dexposure_core.pipeline.stress.shocks import Breaks, what_is_there
from dexposure_core.pipeline.stress.steps import run_steps
from dexposure_core.pipeline.stress.stored import stress
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.pipeline.tokens.wrappers import falling, wrapped_by
from dexposure_core.store import VintageWriter, open_store
from tests.pipeline.stress.test_stress import frame

DAY = dt.date(2024, 1, 1)
LATER = dt.date(2026, 1, 5)


# Mint issues USDC, Bridge USDC.e (it holds nothing in this data), Lender AUSDC, for which it holds USDC.
# Farm (TVL 100) holds 40 USDC on Ethereum, 20 USDC.e on Fantom and 10 AUSDC; Lender (TVL 50) holds 30 USDC.
WORLD = {
    "protocols": frame(
        "protocols",
        ("1", "Lender", "Lending", "Credit", None, None),
        ("2", "Mint", "Stablecoin Issuer", "Money", None, None),
        ("3", "Farm", "Yield", "Yield", None, None),
        ("4", "Gate", "Bridge", "Bridges", None, None),
    ),
    "tokens": frame(
        "tokens",
        ("AUSDC", "1", "given", 1.0, "deposit receipt", "", 0),
        ("USDC", "2", "given", 1.0, "stablecoin", "", 0),
        ("USDC.e", "4", "given", 1.0, "bridged token", "", 0),
    ),
    "holdings": frame(
        "holdings",
        (DAY, "1", "Ethereum", "USDC", None, 30.0, True),
        (DAY, "3", "Ethereum", "AUSDC", None, 10.0, True),
        (DAY, "3", "Ethereum", "USDC", None, 40.0, True),
        (DAY, "3", "Fantom", "USDC.e", None, 20.0, True),
    ),
    "exposures": frame(
        "exposures", (DAY, "1", "2", 30.0), (DAY, "3", "1", 10.0), (DAY, "3", "2", 40.0), (DAY, "3", "4", 20.0)
    ),
    "nodes": frame(
        "nodes",
        (DAY, "holdings", "1", 50.0),
        (DAY, "holdings", "2", 0.0),
        (DAY, "holdings", "3", 100.0),
        (DAY, "holdings", "4", 0.0),
    ),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("store")
    with VintageWriter(path) as writer:
        for table, rows in WORLD.items():
            writer.append(table, rows)
        writer.publish(sources=[], parameters={}, frequency="week", simulated=True)
    return open_store(path)


def losses(result) -> dict[str, float]:
    return dict(result.protocols().select("name", "loss_usd").iter_rows())


def test_what_wraps_a_token_falls_with_it_unless_its_issuer_carries_the_fall_on(store):
    # USDC loses half: Farm 20 of USDC and 10 of USDC.e; Lender 15 of 50, and Farm 0.3 of its 10 AUSDC
    result = stress(store, DAY, tokens={"USDC": 0.5})
    assert losses(result) == {"Farm": pytest.approx(33), "Lender": pytest.approx(15)}
    assert result.tokens_shocked == {"USDC": 0.5, "USDC.e": 0.5}
    assert any("USDC.e" in note for note in result.notes)
    assert any("AUSDC" in note and "issuers" in note for note in result.notes)
    alone = stress(store, DAY, breaks=Breaks(tokens={"USDC": 0.5}, wrapped=False))
    assert losses(alone)["Farm"] == pytest.approx(23)


def test_a_person_can_say_what_wraps_what(store):
    own = Breaks(tokens={"USDC": 0.5}, wraps={"usdc.E": ""})
    assert "USDC.e" not in stress(store, DAY, breaks=own).tokens_shocked
    assert wrapped_by(pl.Series(["XX", "YY"]), {"xx": "yy"}) == {"XX": "YY"}


@pytest.mark.parametrize("wraps", [{"A": "A"}, {"A": "B", "B": "A"}, {"A": "B", "B": "C", "C": "A"}])
def test_tokens_that_wrap_in_a_circle_are_refused(wraps):
    if wraps == {"A": "A"}:
        with pytest.raises(BadOption, match="circle"):
            wrapped_by(pl.Series(["A", "B", "C"]), wraps)
        return
    with pytest.raises(BadOption, match="A wraps B"):
        wrapped_by(pl.Series(["A", "B", "C"]), wraps)


def test_wrapped_once_more_falls_too():
    assert falling("A", 0.2, {"B": "A", "C": "B", "X": "Y"}) == {"A": 0.2, "B": 0.2, "C": 0.2}


def test_a_chain_hits_what_is_held_on_it_and_adds_to_a_token(store):
    assert losses(stress(store, DAY, breaks=Breaks(chains={"fantom": 0.5}))) == {"Farm": pytest.approx(10)}
    # what lies there and is a falling token loses half of what the token left: 10 + 5 of 20
    both = Breaks(chains={"Fantom": 0.5}, tokens={"USDC.e": 0.5})
    assert losses(stress(store, DAY, breaks=both))["Farm"] == pytest.approx(15)


def test_a_sector_hits_its_protocols_and_a_name_of_its_own_wins(store):
    assert losses(stress(store, DAY, breaks=Breaks(sectors={"credit": 0.5})))["Lender"] == pytest.approx(25)
    both = stress(store, DAY, breaks=Breaks(sectors={"Credit": 0.5}, protocols={"lender": 0.1}))
    assert losses(both)["Lender"] == pytest.approx(5)
    assert any("named themselves" in note for note in both.notes)


def test_unknown_names_are_refused_with_the_nearest(store):
    with pytest.raises(UnknownSector, match="Credit"):
        stress(store, DAY, breaks=Breaks(sectors={"Credits": 0.5}))
    with pytest.raises(UnknownChain, match="Fantom"):
        stress(store, DAY, breaks=Breaks(chains={"Fantomm": 0.5}))
    with pytest.raises(BadOption, match="0 to 1"):
        stress(store, DAY, breaks=Breaks(chains={"Fantom": 1.5}))
    with pytest.raises(BadOption, match="Nothing to shock"):
        stress(store, DAY, breaks=Breaks())


# -- files

FULL = """
title = "A test"
about = "Two lines' worth of \\"reasons\\""
date = 2024-01-03
basis = "holdings"
wrapped = false
[protocols]
Lender = 0.25
[sectors]
Credit = 0.5
[chains]
Fantom = 1
[tokens]
"USDC.e" = 0.1
[wraps]
XX = "USDC"
[terms]
rule = "threshold"
lgd = 0.6
absorbing_fraction = 0.5
"""


def test_a_scenario_survives_being_written_and_read(tmp_path):
    given = parse_scenario(FULL)
    assert given.terms == Terms(rule="threshold", absorbing_fraction=0.5, options=(("lgd", 0.6),))
    assert given.breaks.chains == {"Fantom": 1.0}
    assert not given.breaks.wrapped
    (tmp_path / "a.toml").write_text(given.text())
    assert read_scenario(tmp_path / "a.toml") == given


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "nothing breaks"),
        ("title = 'x'", "nothing breaks"),
        ("[tokens]\nUSDC = 1.5", r"tokens.USDC: 1.5 is no share"),
        ("[tokens]\nUSDC = nan", r"tokens.USDC: nan is no number"),
        ("[tokens]\nUSDC = true", "True is no number"),
        ("[tokens]\nUSDC = '0.1'", "is no number"),
        ("[token]\nUSDC = 0.1", "did you mean 'tokens'"),
        ("tokens = 3", "a table of names and shares"),
        ("[tokens\nUSDC = 0.1", "not TOML"),
        ("basis = 'stocks'\n[tokens]\nUSDC = 0.1", "no basis"),
        ("date = '2024-01-01'\n[tokens]\nUSDC = 0.1", "without quotes"),
        ("[tokens]\nUSDC = 0.1\n[terms]\nrule = 'treshold'", "threshold"),
        ("[tokens]\nUSDC = 0.1\n[terms]\nlgd = 0.5", "no such entry 'lgd'"),
        ("[tokens]\nUSDC = 0.1\n[terms]\npass_through = 2", "pass_through"),
        ("[tokens]\nUSDC = 0.1\n[terms]\nabsorbing_fraction = 0", "absorbing_fraction"),
        ("[tokens]\nUSDC = 0.1\n[wraps]\nA = 1", "wraps.A"),
    ],
)
def test_files_that_are_no_scenarios_are_refused(text, match):
    with pytest.raises((BadInput, BadOption, UnknownName), match=match):
        parse_scenario(text)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        read_scenario(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="UTF-8"):
        read_scenario(tmp_path / "bytes.toml")
    (tmp_path / "long.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(BadInput, match="larger"):
        read_scenario(tmp_path / "long.toml")


def test_past_events_come_in_order_and_each_says_what_happened():
    events = replays()
    assert {"terra", "steth", "ftx", "svb", "bybit"} <= set(events)
    assert [e.date for e in events.values()] == sorted(e.date for e in events.values())
    assert all(e.title and e.about and parse_scenario(e.text()) == e for e in events.values())
    with pytest.raises(UnknownScenario, match="terra"):
        find_replay("tera")


def test_an_event_is_replayed_with_what_the_data_knows_of_it(store):
    snapshot = store.snapshot(DAY)
    left, notes = what_is_there(store, snapshot, find_replay("svb").breaks)
    assert left.tokens == {"USDC": 0.12}
    assert "DAI" in notes[0]
    with pytest.raises(UnknownName, match="Nothing of this event"):
        what_is_there(store, snapshot, find_replay("euler").breaks)


# -- many at once


def test_each_failure_names_who_hurts_whom(store):
    table = {row["name"]: row for row in failures(store, DAY, "holdings", Terms()).iter_rows(named=True)}
    # Mint's failure costs Farm 40 + 10 · 30/50 and Lender 30
    assert table["Mint"]["impact_usd"] == pytest.approx(76)
    assert table["Mint"]["rank"] == 1
    assert table["Farm"]["worst"] == "2"
    assert table["Mint"]["worst"] is None


def test_a_history_too_short_is_refused(store):
    with pytest.raises(BadOption, match="13 at least"):
        drawn(store, DAY, "holdings", Terms())


def test_movements_are_told_apart_as_they_were_made(tmp_path):
    """The market moves by ±10 %, sector Y by ±4 % beside it, and its two protocols by ±2 % against each other."""
    days = [DAY + dt.timedelta(weeks=i) for i in range(33)]
    market, sector, own = (size * np.array([1, -1] * 16) for size in (0.1, 0.04, 0.02))
    sector, own = np.repeat(sector[::2], 2) * np.tile([1, 1, -1, -1], 8), own * np.tile([1, -1, -1, 1], 8)
    moves = {"1": market - sector, "2": market - sector, "3": market + sector + own, "4": market + sector - own}
    # a mean weighted by TVL: sizes stay near enough to equal for the sectors to cancel in the market
    levels = {p: 1e9 * np.exp(np.concatenate([[0.0], np.cumsum(move)])) for p, move in moves.items()}
    nodes = [(day, "holdings", p, float(levels[p][i])) for i, day in enumerate(days) for p in "1234"]
    with VintageWriter(tmp_path) as writer:
        writer.append(
            "protocols", frame("protocols", *((p, p, "C", "X" if p < "3" else "Y", None, None) for p in "1234"))
        )
        writer.append("exposures", frame("exposures", *((day, "1", "2", 1.0) for day in days)))
        writer.append("nodes", frame("nodes", *nodes))
        writer.publish(sources=[], parameters={}, frequency="week", simulated=True)
    factors, steps = estimated(open_store(tmp_path), days[-1])
    assert steps == 32
    assert factors.market == pytest.approx(0.1, rel=0.05)
    assert factors.sectors["Y"][0] == pytest.approx(0.04, rel=0.1)
    assert factors.sectors["Y"][1] == pytest.approx(0.02, rel=0.1)
    assert factors.sectors["X"][1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("over", ["protocols", "sectors", "tokens"])
def test_the_smallest_shock_is_found_over_anything(store, over):
    found = smallest(store, DAY, "holdings", Terms(), loss_share=0.1, over=over)
    assert found.reached
    assert found.loss_usd == pytest.approx(15)
    assert found.cost_usd <= 15 + 1e-9
    with pytest.raises(BadOption, match="which loss"):
        smallest(store, DAY, "holdings", Terms(), over=over)


def test_a_file_with_later_steps_reads_back_and_each_step_strikes_its_own_date(tmp_path) -> None:
    later = DAY + dt.timedelta(days=7)
    with VintageWriter(tmp_path / "two") as writer:
        for name, rows in WORLD.items():
            writer.append(name, rows)
            if "date" in rows.columns:
                writer.append(name, rows.with_columns(date=pl.lit(later)))
        writer.publish(sources=[], parameters={}, frequency="week", simulated=True)
    text = f"""
    date = {DAY}
    [tokens]
    USDC = 0.1
    [[then]]
    date = {later + dt.timedelta(days=2)}
    wrapped = false
    tokens = {{ USDC = 0.5 }}
    """
    file = parse_scenario(text)
    assert parse_scenario(file.text()) == file
    two = open_store(tmp_path / "two")
    (step,) = run_steps(two, DAY, "holdings", file.then, file.terms)
    alone = stress(two, later, breaks=Breaks(tokens={"USDC": 0.5}, wrapped=False))
    assert step.date == later
    assert step.contagion.total_loss_usd == pytest.approx(alone.contagion.total_loss_usd)
    with pytest.raises(BadOption, match="No snapshot"):
        run_steps(two, later, "holdings", file.then, file.terms)


@pytest.mark.parametrize(
    ("then", "says"),
    [
        ("tokens = { USDC = 0.5 }", "is no date"),
        ("date = 2020-01-01", "nothing breaks"),
        (f"date = {DAY}\ntokens = {{ USDC = 0.5 }}", "does not come after"),
        (f"date = {LATER}\ntokens = {{ USDC = 5 }}", "is no share"),
        (f"date = {LATER}\ncoins = {{ USDC = 0.5 }}", "no such entry"),
    ],
)
def test_later_steps_are_refused_with_their_place(then, says) -> None:
    with pytest.raises(BadInput, match=says):
        parse_scenario(f"date = {DAY}\n[tokens]\nUSDC = 0.1\n[[then]]\n{then}\n")


def test_who_is_too_central(store) -> None:
    past = failure_history(store, DAY, "holdings", Terms(), snapshots=5)
    now = failures(store, DAY, "holdings", Terms())
    assert past.drop("date").equals(now.select(past.drop("date").columns))
    # Mint costs the others at once 70 of 150; Lender's tokens 10; of a third they are more, of a tenth both
    assert too_central(past, share=0.3)["protocol"].to_list() == ["2"]
    assert set(too_central(past, share=0.05)["protocol"]) >= {"1", "2"}
    twice = pl.concat([past, past.filter(pl.col("protocol") != "2").with_columns(date=pl.lit(LATER))])
    assert too_central(twice, share=0.3).is_empty()  # gone from the last of two: one in two is not three quarters
    kept = too_central(twice, share=0.3, often=0.5)
    assert kept.select("times", "snapshots", "last_share").row(0) == (1, 2, 0.0)
    undefined = past.with_columns(impact_share=pl.lit(float("nan")))
    assert too_central(undefined, share=0.0).is_empty()
    with pytest.raises(BadOption):
        failure_history(store, DAY, "holdings", Terms(), snapshots=0)
