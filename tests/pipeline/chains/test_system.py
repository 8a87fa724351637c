"""Chains by hand: sizes, concentration, both matrices, bridges and wrapped tokens, and the document of all of it."""

import pytest

from dexposure_core.pipeline.chains import system as chains
from dexposure_core.pipeline.chains import ties as chain_ties
from dexposure_core.pipeline.chains.report import chain_report
from dexposure_core.store import open_store
from tests.pipeline.chains.chainworld import DAYS, publish


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return publish(tmp_path_factory.mktemp("chains"))


def test_concentration_over_chains(store):
    first, second = chains.concentration(store).rows(named=True)
    # Ethereum 60 + 20 + 100 = 180, Base 40 + 30 = 70; HHI = (180² + 70²) / 250² = 37300 / 62500
    assert (first["chains"], first["tvl_usd"], first["borrowed_usd"]) == (2, 250.0, 50.0)
    assert first["hhi"] == pytest.approx(0.5968)
    assert first["top1_share"] == pytest.approx(0.72)
    # Ethereum 75 + 25 + 100 = 200, Base 20 + 30 = 50, Solana 10
    assert (second["chains"], second["top5_share"]) == (3, 1.0)


def test_shares_follow_the_largest_chains_of_the_date(store):
    frame, columns = chains.shares(store, DAYS[1], count=1)
    assert columns == ("Ethereum", "Other chains")
    assert frame.row(0) == (DAYS[0], pytest.approx(0.72), pytest.approx(0.28))


def test_an_issuer_is_at_home_where_its_own_assets_are(store):
    of = chains.chain_matrix(store, DAYS[0])
    assert of.rows == ("Ethereum", "Base")
    assert of.columns == ("Ethereum", "Base", "No assets of its own")
    # Ethereum: 20 LEND, of Lender, 60 % on Ethereum and 40 % on Base; 160 USDX of Mint, which has no assets
    # Base: 30 BRID of Span, all on Ethereum; 40 USDX of Mint
    assert of.cells.tolist() == [pytest.approx([12.0, 8.0, 160.0]), pytest.approx([30.0, 0.0, 40.0])]
    assert of.total == pytest.approx(store.snapshot(DAYS[0]).exposure_usd.sum()) == 250.0
    assert of.table().row(-1) == ("Total", pytest.approx(42), pytest.approx(8), pytest.approx(200), pytest.approx(250))


def test_exposure_by_chain_and_sector(store):
    of = chains.sector_matrix(store, DAYS[0])
    assert of.columns == ("Stablecoins", "Bridges", "DeFi")
    assert of.cells.tolist() == [[160.0, 0.0, 20.0], [40.0, 30.0, 0.0]]


def test_small_chains_are_summed_not_lost(store):
    of = chains.chain_matrix(store, DAYS[1], limit=1)
    assert of.rows == ("Ethereum", "Other chains")
    # LEND 25: Lender holds 75 on Ethereum, 20 elsewhere; BRID 30 on Base; USDX 175 on Ethereum, 20 + 10 elsewhere
    assert of.cells.tolist() == [
        pytest.approx([25 * 75 / 95, 25 * 20 / 95, 175.0]), pytest.approx([30.0, 0.0, 30.0]),
    ]  # fmt: skip


def test_ties_are_the_tokens_of_bridges_and_wrapped_ones(store):
    assert chain_ties.ties(store, DAYS[0]).rows() == [("Base", "4", "Span", "Bridge", "bridge", "BRID", 1, 30.0)]
    row = chain_ties.tie_issuers(store, DAYS[0]).row(0, named=True)
    # Farm holds 30 BRID and owns 50: it loses 30, of 250 in the system
    assert (row["issuer_name"], row["main_chain"], row["chains"], row["creditors"]) == ("Span", "Base", 1, 1)
    assert (row["loss_usd"], row["loss_share"]) == (30.0, pytest.approx(0.12))
    assert chain_ties.by_chain(store, DAYS[0]).rows() == [("Base", 30.0, pytest.approx(30 / 70), 1, "Span")]


def test_a_wrapped_token_ties_no_chain_where_most_of_it_is(tmp_path):
    wrapped = [
        ("1", "Ethereum", "WRAP", 60.0, 1.0),
        ("3", "Base", "WRAP", 15.0, 2.0),
        ("3", "Ethereum", "WRAP", 25.0, 0.5),
    ]
    store = publish(tmp_path, wrapped)
    row = chain_ties.tie_issuers(store, DAYS[0]).row(0, named=True)
    # of 100 WRAP 85 are on Ethereum, its home; Farm holds 15 on Base and would lose those, of 100 in the system
    assert (row["issuer"], row["main_chain"], row["chains"], row["creditors"]) == ("WRAP", "Base", 1, 1)
    assert (row["held_usd"], row["loss_usd"], row["loss_share"]) == (15.0, 15.0, pytest.approx(0.15))
    assert chain_ties.ties(store, DAYS[1])["chain"].to_list() == ["Ethereum"]  # 1.5 there, 2 on Base


def test_every_chain_and_what_it_loses_with_the_bridges(store):
    ethereum, base = chains.table(store, DAYS[0]).rows(named=True)
    # on Ethereum only Span itself fails (100 of 180); on Base Farm loses its 30 BRID of the 70 there
    assert (ethereum["bridge_loss_usd"], base["bridge_loss_usd"]) == (100.0, 30.0)
    assert base["bridge_loss_share"] == pytest.approx(30 / 70)
    assert (ethereum["borrowed_usd"], base["borrowed_usd"]) == (50.0, 0.0)
    assert ethereum["change_usd"] is None
    later = {row["chain"]: row for row in chains.table(store, DAYS[1]).rows(named=True)}
    assert (later["Base"]["change_usd"], later["Solana"]["change_usd"]) == (-20.0, 10.0)
    assert (later["Solana"]["protocols"], later["Solana"]["exposures"]) == (1, 1)


def test_the_document_adds_up(store):
    said = chain_report(store, DAYS[1])
    exposure = store.snapshot(DAYS[1]).exposure_usd.sum()
    for matrix in ("chain_matrix", "sector_matrix"):
        assert sum(map(sum, said[matrix]["cells_usd"])) == pytest.approx(exposure)
    assert sum(chain["exposure_usd"] for chain in said["chains"]) == pytest.approx(exposure)
    assert sum(chain["share"] for chain in said["chains"]) == pytest.approx(1.0)
    assert said["total_exposure_usd"] == pytest.approx(exposure)


def test_matrices_and_chains_add_up_on_the_embedded_vintage():
    store = open_store()
    day = store.dates()[-1]
    exposure, tvl = store.snapshot(day).exposure_usd.sum(), store.snapshot(day).tvl_usd.sum()
    assert chains.chain_matrix(store, day).total == pytest.approx(exposure)
    assert chains.sector_matrix(store, day).total == pytest.approx(exposure)
    assert chains.table(store, day)["tvl_usd"].sum() == pytest.approx(tvl)
    assert chains.table(store, day)["exposure_usd"].sum() == pytest.approx(exposure)


def test_a_world_without_ties_has_none(tmp_path):
    store = publish(tmp_path, [("1", "Ethereum", "USDX", 5.0, 6.0)])
    assert chain_ties.tie_issuers(store, DAYS[0]).is_empty()
    assert chain_ties.by_chain(store, DAYS[0]).is_empty()
    assert chains.chain_matrix(store, DAYS[0]).columns == ("No assets of its own",)
