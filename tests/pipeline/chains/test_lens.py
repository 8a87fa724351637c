"""A vintage seen through some of its chains: the same construction, so the whole is the stored vintage exactly."""

import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dexposure_core.errors import BadOption, UnknownChain, UnknownDate
from dexposure_core.network.snapshot import BASES
from dexposure_core.pipeline.chains.lens import Lens, chains_of, open_lens
from dexposure_core.pipeline.chains.lens_course import CHEAP
from dexposure_core.pipeline.export import export
from dexposure_core.pipeline.panel import panel
from dexposure_core.pipeline.stress.stored import stress
from dexposure_core.store import open_store
from tests.pipeline.chains.chainworld import DAYS, publish

FIELDS = ("protocols", "names", "sectors", "categories", "tvl_usd", "creditor", "debtor", "exposure_usd")
ONE_DATE = ("holdings", "exposure_tokens", "flows", "measures", "importance", "sector_exposures", "changes")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return publish(tmp_path_factory.mktemp("chains"))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEXPOSURE_CACHE_DIR", str(tmp_path / "cache"))


def exposures(store, day, basis="holdings"):
    s = store.snapshot(day, basis)
    names = zip(s.protocols[s.creditor], s.protocols[s.debtor], s.exposure_usd.tolist(), strict=True)
    return {(creditor, debtor): usd for creditor, debtor, usd in names}


def same(one, other):
    assert all((getattr(one, name) == getattr(other, name)).all() for name in FIELDS)


def test_one_chain_by_hand(store):
    base = open_lens(store, ["base"])
    assert chains_of(base) == "Base"
    # on Base Lender holds 40 USDX, Farm 30 BRID; Mint and Span only issue there
    assert exposures(base, DAYS[0]) == {("1", "2"): 40.0, ("3", "4"): 30.0}
    assert dict(zip(base.snapshot(DAYS[0]).protocols, base.snapshot(DAYS[0]).tvl_usd, strict=True)) == {
        "1": 40.0, "2": 0.0, "3": 30.0, "4": 0.0,
    }  # fmt: skip
    assert base.token_holders(DAYS[0], "USDX").rows() == [("1", 40.0)]


def test_borrowed_balances_are_offered_and_never_counted_unasked(store):
    assert exposures(store, DAYS[1])["1", "2"] == 95.0  # 75 + 20
    assert exposures(open_lens(store, ["all"]), DAYS[1])["1", "2"] == 165.0  # and 70 borrowed
    assert exposures(open_lens(store, ["borrowed"]), DAYS[1]) == {("1", "2"): 70.0}
    assert exposures(open_lens(store, ["Base", "borrowed"]), DAYS[1]) == {("1", "2"): 90.0, ("3", "4"): 30.0}


def test_flows_are_net_over_the_chosen_chains_so_they_do_not_add_up(store):
    # Lender's USDX: Ethereum 60 → 75 (+15, from Mint), Base 40 → 20 (−20, to Mint); over both chains −5
    assert exposures(open_lens(store, ["Ethereum"]), DAYS[1], "flow")["2", "1"] == 15.0
    assert exposures(open_lens(store, ["Base"]), DAYS[1], "flow")["1", "2"] == 20.0
    assert exposures(store, DAYS[1], "flow")["1", "2"] == 5.0


def test_the_default_is_the_store_itself(store):
    assert open_lens(store, []) is store
    assert open_lens(store, ["default"]) is store
    assert chains_of(store) == "default"


def test_without_chains_there_is_nothing_to_leave_out(tmp_path):
    store = publish(tmp_path, [("1", "", "USDX", 5.0, 6.0)])
    assert open_lens(store, ["all"]) is store
    assert open_lens(store, ["not stated"]) is store
    with pytest.raises(BadOption, match="has no balance on borrowed balances only"):
        open_lens(store, ["borrowed"])


def test_a_chain_has_the_dates_on_which_it_holds_anything(store):
    solana = open_lens(store, ["solana"])  # first seen on the second date
    assert solana.dates() == [DAYS[1]]
    assert solana.dates("flow") == [DAYS[1]]
    assert solana.changes(DAYS[1])["entry_usd"].to_list() == [10.0]
    with pytest.raises(UnknownDate, match="nearest: 2024-01-08"):
        solana.snapshot(DAYS[0])


def test_what_does_not_exist_is_refused_in_one_line(store):
    with pytest.raises(UnknownChain, match="did you mean 'Ethereum'"):
        open_lens(store, ["Etherium"])
    with pytest.raises(BadOption, match="not offered for Base"):
        open_lens(store, ["Base"]).edge_history("holdings")


def test_a_stress_test_stays_within_the_chosen_chains(store):
    # on Base USDX loses all: Lender loses 40 of its 40 there; on all chains 100 of 100, and Span 100 of 100
    assert stress(open_lens(store, ["Base"]), DAYS[0], tokens={"USDX": 1.0}).direct_usd == 40.0
    assert stress(store, DAYS[0], tokens={"USDX": 1.0}).direct_usd == 200.0


@pytest.mark.parametrize("basis", BASES)
def test_the_lens_of_all_that_counts_is_the_stored_vintage(store, basis):
    lens = Lens(store, "default")
    assert lens.dates(basis) == store.dates(basis)
    for day in store.dates(basis):
        same(lens.snapshot(day, basis), store.snapshot(day, basis))
    for name in ONE_DATE:
        assert_frame_equal(getattr(lens, name)(DAYS[1]), getattr(store, name)(DAYS[1]), check_exact=True)
    for name in ("exposures", "nodes", "measures", "sector_exposures"):
        keys = [column for column, kind in store.table(name).schema.items() if kind in (pl.Date, pl.String)]
        assert_frame_equal(lens.table(name).sort(keys), store.table(name).sort(keys), check_exact=True)


def test_the_lens_of_all_that_counts_is_the_embedded_vintage():
    store = open_store()
    lens = Lens(store, "default")
    for day in (store.dates()[100], store.dates()[-1]):
        for basis in BASES:
            same(lens.snapshot(day, basis), store.snapshot(day, basis))
        assert_frame_equal(lens.measures(day), store.measures(day), check_exact=True)


def test_the_course_of_all_that_counts_is_what_was_measured(store):
    lens = Lens(store, "default")
    names = sorted(store.measures(DAYS[0])["measure"])
    cheap = lens.measure_table("holdings", names)
    assert_frame_equal(cheap.select("date", *CHEAP), store.measure_table("holdings", CHEAP))
    assert cheap["mean_sis"].null_count() == 2  # not measured yet
    assert lens.measure_table("flow", ["density"])["density"].null_count() == 1
    assert not lens.measured("holdings")
    for basis in BASES:
        lens.measure_all_dates(basis)
        assert lens.measured(basis)
        assert_frame_equal(lens.measure_table(basis, names), store.measure_table(basis, names))
        assert_frame_equal(lens.sector_history(basis), store.sector_history(basis), check_row_order=False)
        for one in ("1", "4"):
            assert_frame_equal(lens.protocol_history(one, basis), store.protocol_history(one, basis))
            mine = lens.importance_history(one, basis).with_columns(pl.col("rank").cast(pl.Int64))
            assert_frame_equal(mine, store.importance_history(one, basis), rel_tol=1e-6)
        assert_frame_equal(panel(lens, basis), panel(store, basis))
    again = Lens(store, "default")  # another process finds it on disk
    assert_frame_equal(again.measure_table("flow", names), store.measure_table("flow", names))


def test_an_export_says_its_chains(store, tmp_path):
    said = export(open_lens(store, ["Base"]), "exposures", tmp_path / "e.csv", date=DAYS[0])
    assert said["parameters"]["chains"] == "Base"
    assert pl.read_csv(tmp_path / "e.csv")["exposure_usd"].to_list() == [40.0, 30.0]


balance = st.tuples(
    st.sampled_from("1234"), st.sampled_from(["Ethereum", "Base", "", "Base-borrowed"]),
    st.sampled_from(["USDX", "BRID", "LEND"]), st.integers(1, 10**9), st.integers(1, 10**9),
)  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(st.lists(balance, min_size=1, max_size=12, unique_by=lambda b: b[:3]))
def test_exposures_of_single_chains_add_up_to_the_whole(drawn):
    balances = [("1", "Ethereum", "USDX", 5.0, 7.0), *((p, c, t, a / 100, b / 100) for p, c, t, a, b in drawn)]
    unique = list({b[:3]: b for b in balances}.values())
    with tempfile.TemporaryDirectory() as folder:
        store = publish(Path(folder), unique)
        names = {chain or "not stated" for _, chain, *_ in unique}
        for day in DAYS:
            for whole, chains in ((store, [n for n in names if "borrowed" not in n]), (Lens(store, "all"), names)):
                parts = [open_lens(store, [name]).snapshot(day) for name in chains]
                assert sum(p.exposure_usd.sum() for p in parts) == pytest.approx(whole.snapshot(day).exposure_usd.sum())
                assert sum(p.tvl_usd.sum() for p in parts) == pytest.approx(whole.snapshot(day).tvl_usd.sum())
