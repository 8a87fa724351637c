"""Why a revised number is another: each cause alone gives its own part only, all together sum exactly."""

import datetime as dt
import math
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dexposure_core.pipeline.building.ingest import ingest_holdings
from dexposure_core.pipeline.changes import PARTS, summary
from dexposure_core.pipeline.revising.causes import CAUSES, STEPS, measured, path
from dexposure_core.pipeline.revising.revision import Revision, revision_of
from dexposure_core.store import Store, open_store

DAY = dt.date(2024, 1, 1)
HEAD = "date,protocol_id,chain,token,quantity,value_usd\n"
# 111 holds DAI (issued by 118) and WETH (its own issuer); 118 holds WETH.
HELD = {("111", "DAI"): (100, 100.0), ("111", "WETH"): (1, 1000.0), ("118", "WETH"): (2, 2000.0)}


def vintage(folder: Path, name: str, held: dict, issuer: dict[str, str] | None = None) -> Store:
    rows = [
        f"{DAY},{holder},Ethereum,{token},{'' if quantity is None else quantity},{value}"
        for (holder, token), (quantity, value) in held.items()
    ]
    file = folder / f"{name}.csv"
    file.write_text(HEAD + "\n".join(rows) + "\n")
    told = folder / f"{name}-overrides.csv"
    told.write_text("token,issuer,note\n" + "".join(f"{token},{i},\n" for token, i in (issuer or {}).items()))
    return open_store(folder / "store", ingest_holdings(file, folder / "store", overrides=told if issuer else None))


def revised(folder: Path, held: dict, issuer: dict[str, str] | None = None) -> Revision:
    return revision_of(vintage(folder, "older", HELD), vintage(folder, "newer", held, issuer), DAY)


def parts_of(revision: Revision, measure: str) -> dict[str, float]:
    row = revision.measures.row(
        by_predicate=(pl.col("basis") == "holdings") & (pl.col("measure") == measure), named=True
    )
    assert math.fsum(row[cause] for cause in CAUSES) == pytest.approx(row["change"], rel=1e-12, abs=1e-12)
    return {cause: row[cause] for cause in CAUSES}


def only(revision: Revision, cause: str) -> None:
    """Every exposure, TVL and measure that was revised was so by this cause alone, exactly."""
    for frame in (revision.exposures, revision.protocols):
        rest = [part for part in PARTS if part != f"{cause}_usd"]
        assert frame.select(pl.sum_horizontal(pl.col(rest).abs()).sum()).item() == pytest.approx(0, abs=1e-9)
    assert revision.exposures[f"{cause}_usd"].to_list() == pytest.approx(revision.exposures["change_usd"].to_list())
    holdings = revision.measures.filter(pl.col("basis") == "holdings", pl.col(cause).is_not_null())
    assert holdings.height > 3
    assert holdings[cause].to_list() == pytest.approx(holdings["change"].to_list())
    for other in set(CAUSES) - {cause}:
        assert holdings[other].to_list() == pytest.approx([0.0] * holdings.height, abs=1e-9), other


def test_another_issuer_is_mapping_alone(tmp_path):
    revision = revised(tmp_path, HELD, {"WETH": "118"})
    # 111's claim of 1,000 on WETH is one on 118 now; 118's own 2,000 are no exposure any more
    found = {(r["creditor"], r["debtor"]): r["mapping_usd"] for r in revision.exposures.iter_rows(named=True)}
    assert found == {("118", "WETH"): -2000.0, ("111", "WETH"): -1000.0, ("111", "118"): 1000.0}
    only(revision, "mapping")
    assert summary(revision.exposures).mapping_usd == -2000.0
    assert parts_of(revision, "total_exposure_usd")["mapping"] == -2000.0
    assert "system_tvl_usd" not in revision.measures["measure"].to_list()


def test_a_token_that_nobody_issues_any_more_is_mapping_too(tmp_path):
    revision = revised(tmp_path, HELD, {"DAI": ""})
    assert revision.exposures.select("change_usd", "mapping_usd", "exit_usd").rows() == [(-100.0, -100.0, 0.0)]
    only(revision, "mapping")


def test_another_price_is_price_alone(tmp_path):
    revision = revised(tmp_path, HELD | {("111", "WETH"): (1, 900.0), ("118", "WETH"): (2, 1800.0)})
    only(revision, "price")
    assert parts_of(revision, "system_tvl_usd")["price"] == -300.0


def test_another_quantity_is_quantity_alone(tmp_path):
    revision = revised(tmp_path, HELD | {("118", "WETH"): (3, 3000.0)})
    only(revision, "quantity")
    assert parts_of(revision, "system_tvl_usd")["quantity"] == 1000.0


def test_what_comes_and_goes_is_entry_and_exit(tmp_path):
    only(revised(tmp_path, HELD | {("118", "DAI"): (5, 5.0), ("111", "USDC"): (9, 9.0)}), "entry")
    left = {key: value for key, value in HELD.items() if key != ("118", "WETH")}
    (tmp_path / "b").mkdir()
    revision = revised(tmp_path / "b", left)
    only(revision, "exit")
    assert revision.protocols.row(by_predicate=pl.col("protocol") == "118", named=True)["exit_usd"] == -2000.0


def test_everything_at_once_by_hand(tmp_path):
    # WETH: 111's 1 at 1,000 → 2 at 900, now issued by 118; DAI goes; 118 holds 7 USDC
    held = {("111", "WETH"): (2, 1800.0), ("118", "WETH"): (2, 1800.0), ("118", "USDC"): (7, 7.0)}
    revision = revised(tmp_path, held, {"WETH": "118"})
    row = revision.exposures.row(by_predicate=(pl.col("creditor") == "111") & (pl.col("debtor") == "118"), named=True)
    assert {part: row[part] for part in PARTS} == {
        "price_usd": -100.0, "quantity_usd": 900.0, "entry_usd": 0.0, "exit_usd": -100.0, "mapping_usd": 1000.0,
    }  # fmt: skip
    # before 100 + 1,000 + 2,000; after 1,800 and USDC's 7
    assert parts_of(revision, "total_exposure_usd") == {
        "mapping": -2000.0, "price": -100.0, "quantity": 900.0, "unsplit": 0.0, "entry": 7.0, "exit": -100.0,
        "other": 0.0,
    }  # fmt: skip
    whole = summary(revision.exposures)
    assert (whole.change_usd, whole.unsplit_usd) == (-1293.0, 0.0)
    parts_of(revision, "tvl_hhi")
    parts_of(revision, "debtor_hhi")


def test_without_quantities_price_and_quantity_stay_together(tmp_path):
    older = vintage(tmp_path, "older", {key: (None, value) for key, (_, value) in HELD.items()})
    newer = vintage(tmp_path, "newer", {("111", "DAI"): (None, 90.0), ("111", "WETH"): (None, 1000.0),
                                        ("118", "WETH"): (None, 2000.0)}, {"DAI": "WETH"})  # fmt: skip
    revision = revision_of(older, newer, DAY)
    found = {r["debtor"]: (r["mapping_usd"], r["price_usd"]) for r in revision.exposures.iter_rows(named=True)}
    assert found == {"118": (-100.0, 0.0), "WETH": (100.0, None)}
    assert parts_of(revision, "total_exposure_usd") == dict.fromkeys(CAUSES, 0.0) | {"unsplit": -10.0}


def test_what_is_mapped_anew_to_an_issuer_nobody_held_stays_unsplit_without_quantities(tmp_path):
    older = vintage(tmp_path, "older", {("111", "WETH"): (None, 10.0)})
    newer = vintage(tmp_path, "newer", {("111", "WETH"): (None, 12.0)}, {"WETH": "118"})
    revision = revision_of(older, newer, DAY)
    found = {r["debtor"]: (r["change_usd"], r["mapping_usd"], r["price_usd"], r["quantity_usd"])
             for r in revision.exposures.iter_rows(named=True)}  # fmt: skip
    assert found == {"WETH": (-10.0, -10.0, 0.0, 0.0), "118": (12.0, 10.0, None, None)}


def test_flows_are_not_explained(tmp_path):
    revision = revised(tmp_path, HELD | {("118", "WETH"): (3, 3000.0)})
    flows = revision.measures.filter(pl.col("basis") == "flow")
    assert flows.select(pl.col(CAUSES).is_null().all()).row(0) == (True,) * len(CAUSES)


amounts = st.tuples(st.one_of(st.none(), st.integers(1, 50)), st.integers(1, 5000).map(float))
books = st.dictionaries(
    st.tuples(st.sampled_from(["111", "118", "182"]), st.sampled_from(["DAI", "WETH", "USDC"])), amounts, min_size=1
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    older=books, newer=books, issuer=st.dictionaries(st.sampled_from(["DAI", "WETH"]), st.sampled_from(["111", "182"]))
)
def test_the_parts_sum_to_the_revision(tmp_path_factory, older, newer, issuer):
    folder = tmp_path_factory.mktemp("law")
    older, newer = (book | {("9", "DAI"): (3, 3.0)} for book in (older, newer))  # so that there is an exposure
    before, after = vintage(folder, "older", older), vintage(folder, "newer", newer, issuer)
    revision = revision_of(before, after, DAY)
    for name in revision.measures.filter(
        pl.col("basis") == "holdings", pl.all_horizontal(pl.col(CAUSES).is_not_null())
    )["measure"]:
        assert parts_of(revision, name)["other"] == pytest.approx(0, abs=1e-6), name
    whole, parts = summary(revision.exposures), None
    total = revision.measures.filter(pl.col("basis") == "holdings", pl.col("measure") == "total_exposure_usd")
    if total.height:
        parts = total.row(0, named=True)
        assert whole.change_usd == pytest.approx(parts["change"])
        assert whole.mapping_usd == pytest.approx(parts["mapping"])
        assert whole.entry_usd == pytest.approx(parts["entry"])
        assert whole.exit_usd == pytest.approx(parts["exit"])
    known = revision.exposures.drop_nulls(PARTS)
    assert known.select(pl.sum_horizontal(PARTS)).to_series().to_list() == pytest.approx(known["change_usd"].to_list())
    # the path begins at the older vintage's network and ends at the newer's
    course = path(before, after, DAY)
    assert len(course) == len(STEPS) + 1
    for network, store in ((course[0], before), (course[-1], after)):
        stored = dict(store.measures(DAY).iter_rows())
        found = measured(network)
        assert found["total_exposure_usd"] == pytest.approx(stored["total_exposure_usd"])
        assert found["system_tvl_usd"] == pytest.approx(stored["system_tvl_usd"])
