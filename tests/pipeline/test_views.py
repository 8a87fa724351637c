"""What the pages show, by hand: balance sheets, the reconciling matrix, how a shock spreads."""

import datetime as dt
import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.errors import BadInput, BadOption, UnknownProtocol
from dexposure_core.pipeline import views
from dexposure_core.pipeline.stress.scenario_file import breaks_text
from dexposure_core.pipeline.stress.shocks import Breaks
from dexposure_core.pipeline.stress.stored import stress
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.pipeline.views import Shocked
from dexposure_core.store import TABLES, VintageWriter, open_store
from tests.networks import network

DAY = dt.date(2024, 1, 1)
LATER = dt.date(2026, 1, 5)


def frame(table: str, *rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=TABLES[table].polars, orient="row")


# USDX is issued by Mint (2, locks nothing), LEND by Lender (1), GOLD by nobody known.
# Lender holds 30 + 10 USDX on two chains and 60 GOLD; Farm (3) holds 10 USDX, 20 LEND and 20 GOLD.
HOLDINGS = [
    ("1", "Ethereum", "USDX", 30.0), ("1", "Base", "USDX", 10.0), ("1", "Ethereum", "GOLD", 60.0),
    ("3", "Ethereum", "USDX", 10.0), ("3", "Ethereum", "LEND", 20.0), ("3", "Ethereum", "GOLD", 20.0),
]  # fmt: skip
TOKENS = [("1", "2", "USDX", 40.0), ("3", "1", "LEND", 20.0), ("3", "2", "USDX", 10.0)]
WORLD = {
    "protocols": frame(
        "protocols",
        ("1", "Lender", "Lending", "DeFi", None, None), ("2", "Mint", "CDP", "Stablecoins", None, None),
        ("3", "Farm", "Yield", "DeFi", None, None),
    ),
    "tokens": frame(
        "tokens",
        ("GOLD", None, "bucket", 1.0, "unknown", "", 0), ("LEND", "1", "given", 1.0, "governance", "", 0),
        ("USDX", "2", "given", 1.0, "stablecoin", "", 0),
    ),
    "holdings": frame("holdings", *((DAY, p, chain, token, None, usd, True) for p, chain, token, usd in HOLDINGS)),
    "exposures": frame("exposures", *((DAY, c, d, usd) for c, d, _, usd in TOKENS)),
    "exposure_tokens": frame("exposure_tokens", *((DAY, *row) for row in TOKENS)),
    "nodes": frame(
        "nodes", (DAY, "holdings", "1", 100.0), (DAY, "holdings", "2", 0.0), (DAY, "holdings", "3", 50.0)
    ),
    "events": frame(
        "events",
        (DAY, DAY, "Depeg", "depeg", "Somebody; mint", "", 5.0), (DAY, DAY, "Run", "bank run", "", "USDX;OTHER", None),
        (DAY, DAY, "Elsewhere", "exploit", "Minty", "USDXX", None), (LATER, LATER, "Future", "depeg", "Mint", "", None),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("views")
    with VintageWriter(folder) as writer:
        for name, rows in WORLD.items():
            writer.append(name, rows)
        writer.publish(sources=(), parameters={}, frequency="week", simulated=False)
    return open_store(folder)


def test_identity(store) -> None:
    who = views.identity(store, store.snapshot(DAY), "1")
    assert (who.name, who.sector, who.category, who.issues) == ("Lender", "DeFi", "Lending", ("LEND",))
    # 100 of 150 locked; the larger of two that lock anything
    assert (who.tvl_usd, who.tvl_share, who.rank, who.of) == (100.0, pytest.approx(2 / 3), 1, 2)
    assert (who.as_creditor_usd, who.debtors, who.as_debtor_usd, who.creditors) == (40.0, 1, 20.0, 1)
    assert views.identity(store, store.snapshot(DAY), "2").rank == 0
    with pytest.raises(UnknownProtocol):
        views.identity(store, store.snapshot(DAY), "nobody")


def test_balance_sheet_sums_chains_and_keeps_what_nobody_issues(store) -> None:
    assert views.assets(store, DAY, "1").rows() == [("GOLD", None, None, 60.0, 0.6), ("USDX", "2", "Mint", 40.0, 0.4)]
    assert views.holders(store, DAY, "2").rows() == [
        ("1", "Lender", "USDX", 40.0, 0.8),
        ("3", "Farm", "USDX", 10.0, 0.2),
    ]
    assert views.tokens_held(store, DAY) == ("GOLD", "USDX", "LEND")  # 80, 50, 20


def test_events_by_name_or_token_up_to_the_last_snapshot(store) -> None:
    assert sorted(views.events_of(store, "2")["name"]) == ["Depeg", "Run"]
    assert views.events_of(store, "3").is_empty()


def test_network_facts_and_exposure_table(store) -> None:
    facts = views.network_facts(store.snapshot(DAY))
    assert (facts.protocols, facts.exposures, facts.total_usd, facts.top10_share) == (3, 3, 70.0, 1.0)
    assert (facts.largest_creditor, facts.largest_debtor, facts.largest_usd) == ("Lender", "Mint", 40.0)
    assert (facts.main_debtor, facts.main_debtor_share) == ("Mint", pytest.approx(50 / 70))
    table = views.exposure_table(store.snapshot(DAY))
    assert table["exposure_usd"].to_list() == [40.0, 20.0, 10.0]
    assert table["share"].sum() == pytest.approx(1)
    nothing = views.network_facts(network({"a": 1.0}, []))
    assert (nothing.exposures, nothing.largest_creditor) == (0, "")


def test_how_a_shock_spreads(store) -> None:
    # Mint's tokens fail: Lender loses 40 of 100, Farm 10 of 50; Farm then loses 0.4 of its 20 LEND = 8
    result = stress(store, DAY, protocols={"2": 1.0})
    ways = views.channels(result)
    assert ways.select("debtor", "creditor", "first_round", "loss_usd").rows() == [
        ("2", "1", 1, 40.0), ("2", "3", 1, 10.0), ("1", "3", 2, pytest.approx(8.0)),
    ]  # fmt: skip
    assert ways["loss_usd"].sum() == pytest.approx(result.induced_usd)
    assert ways["share"].sum() == pytest.approx(1)
    assert views.hit_by(result, "2").select("protocol", "round", "loss_usd").rows() == [
        ("1", 1, 40.0), ("3", 1, pytest.approx(18.0)),
    ]  # fmt: skip


def test_who_can_hurt_a_protocol(store) -> None:
    # Lender fails: Farm loses its 20 LEND. Mint fails: Farm loses 10 at first, 8 more through Lender
    rows = views.threats(store.snapshot(DAY), "3", "linear-debtrank")
    assert rows.select("protocol", "exposure_usd", "first_usd", "total_usd", "loss_fraction").rows() == [
        ("1", 20.0, pytest.approx(20.0), pytest.approx(20.0), pytest.approx(0.4)),
        ("2", 10.0, pytest.approx(10.0), pytest.approx(18.0), pytest.approx(0.36)),
    ]
    assert views.threats(store.snapshot(DAY), "2", "linear-debtrank").is_empty()


def test_less_capacity_more_loss(store) -> None:
    # half of TVL absorbs: Lender loses 40 of 50 = 0.8; Farm 10 + 0.8 · 20 = 26, capped at its 25
    shock = Shocked(kind="protocol", name="2", fraction=1.0)
    table = views.sensitivity(store, store.snapshot(DAY), shock, Terms())
    linear = table.filter(pl.col("panel") == "capacity", pl.col("rule") == "linear-debtrank")
    rows = linear.filter(pl.col("value").is_in([0.5, 1.0])).sort("value")
    assert rows["loss_usd"].to_list() == [pytest.approx(65.0), pytest.approx(58.0)]
    assert rows["loss_fraction"].to_list() == [pytest.approx(65 / 150), pytest.approx(58 / 150)]


def test_every_assumption_is_varied_and_the_one_in_use_is_among_the_values(store) -> None:
    terms = Terms(rule="threshold", absorbing_fraction=0.6, pass_through=0.9, options=(("lgd", 0.7),))
    table = views.sensitivity(store, store.snapshot(DAY), Shocked(kind="token", name="LEND", fraction=1.0), terms)
    assert set(table["panel"]) == set(views.PANELS)
    own = {"capacity": 0.6, "pass_through": 0.9, "recovery": 0.3}
    mine = table.filter(pl.col("rule") == "threshold")
    here = stress(store, DAY, tokens={"LEND": 1.0}, rule="threshold", absorbing_fraction=0.6, pass_through=0.9, lgd=0.7)
    for panel, value in own.items():
        at = mine.filter(pl.col("panel") == panel, (pl.col("value") - value).abs() < 1e-12)
        assert at["loss_usd"].to_list() == [pytest.approx(here.contagion.total_loss_usd)]
    # what a failed debtor still pays helps its creditors, what tokens pass on does not
    for panel, sign in (("recovery", -1), ("pass_through", 1)):
        losses = mine.filter(pl.col("panel") == panel).sort("value")["loss_usd"].to_list()
        assert all(sign * (b - a) >= -1e-9 for a, b in itertools.pairwise(losses))


def test_a_shock_in_words_of_the_address() -> None:
    assert Shocked(kind="scenario", name="top-1").what() == "top-1"
    assert Shocked(kind="token", name="USDC", fraction=0.1).what() == Breaks(tokens={"USDC": 0.1})
    mix = Breaks(tokens={'US;:D"': 0.1}, sectors={"A & B": 1.0}, wrapped=False)
    assert Shocked(kind="mix", name=breaks_text(mix)).what() == mix
    for bad in ('{"tokens":{"X":2}}', "[]", "{", '{"coins":{}}', '{"tokens":{"X":NaN}}'):
        with pytest.raises(BadInput):
            Shocked(kind="mix", name=bad).what()


def test_what_tokens_of_a_kind_pass_on(store) -> None:
    # Mint fails: Lender loses 40 of 100; its LEND lose 0.4, of which Farm feels what its kind passes on
    def farm(**kinds: float) -> float:
        result = stress(store, DAY, protocols={"2": 1.0}, kinds=kinds)
        return float(result.protocols().filter(pl.col("protocol") == "3")["loss_usd"][0])

    assert farm() == pytest.approx(18.0)
    assert farm(governance=0.25) == pytest.approx(12.0)
    assert farm(governance=0.0) == pytest.approx(10.0)
    # the failed issuer's own tokens lose what they lose: it has no assets whose loss could be passed on or not
    assert farm(stablecoin=0.0) == pytest.approx(18.0)
    result = stress(store, DAY, protocols={"2": 1.0}, kinds={"governance": 0.25})
    assert "governance tokens lose 25 % of their issuer's distress" in result.assumptions
    clearing = stress(store, DAY, protocols={"1": 0.5}, rule="eisenberg-noe", kinds={"governance": 0.25})
    assert any("does not apply" in note for note in clearing.notes)
    for bad in ({"governence": 0.5}, {"governance": 1.5}, {"governance": float("nan")}):
        with pytest.raises(BadOption):
            stress(store, DAY, protocols={"2": 1.0}, kinds=bad)


CELLS = st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from("ABCD"), st.floats(0.01, 1e12)), max_size=12)


def cells(rows: list[tuple[str, str, float]]) -> pl.DataFrame:
    unique = {(c, d): usd for c, d, usd in rows}
    schema = {"creditor_sector": pl.String, "debtor_sector": pl.String, "exposure_usd": pl.Float64}
    return pl.DataFrame([(c, d, usd) for (c, d), usd in unique.items()], schema=schema, orient="row")


@given(CELLS, CELLS)
@settings(max_examples=50, deadline=None)
def test_rows_and_columns_reconcile_to_the_total(after, before) -> None:
    now, moved = views.change(cells(after), cells(before))
    then = views.matrix(cells(before), now.sectors)
    for part in (now, moved, then):
        assert part.by_creditor.sum() == pytest.approx(part.total, abs=0.01)  # a cent
        assert part.by_debtor.sum() == pytest.approx(part.total, abs=0.01)
    np.testing.assert_allclose(now.cells - then.cells, moved.cells, atol=0.01)
    table = views.matrix_table(now)
    assert table["total_usd"].to_list() == pytest.approx([*now.by_creditor, now.total])


def test_largest_crossing_leaves_out_the_diagonal() -> None:
    rows = cells([("A", "A", 100.0), ("A", "B", 5.0), ("B", "A", 7.0)])
    assert views.matrix(rows).largest_crossing() == ("B", "A", 7.0)
    assert views.matrix(rows).cross_sector_usd == 12.0
    assert views.matrix(rows.head(1)).largest_crossing()[:2] == ("", "")


def test_cell_history_is_0_where_the_cell_is_empty() -> None:
    days = [DAY, DAY + dt.timedelta(7), DAY + dt.timedelta(14)]
    found = pl.DataFrame({"date": [days[0], days[2]], "exposure_usd": [1.0, 3.0]})
    assert views.cell_history(found, days)["exposure_usd"].to_list() == [1.0, 0.0, 3.0]
