"""An update is a rebuild that reads less: the same files, to the last byte."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.errors import BadInput
from dexposure_core.pipeline.building.feeds import build_feed
from dexposure_core.pipeline.building.update import Updated, update
from dexposure_core.sources.feed import HoldingsFeed, of_whole_input
from dexposure_core.store import Store, open_store, tablefile

MONDAYS = [dt.date(2024, 1, 1) + dt.timedelta(weeks=i) for i in range(8)]

Book = dict[tuple[str, str, str], tuple[float | None, float]]  # protocol, chain, token → quantity, USD
History = dict[dt.date, Book]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few rows, so that a history of eight weeks has many."""
    monkeypatch.setattr(tablefile, "ROWS_PER_PART", 6)
    monkeypatch.setattr(tablefile, "ROWS_PER_GROUP", 3)


def feed(history: History, listing: str = "", frequency: str = "week") -> HoldingsFeed:
    """What a reader would hand over: names as listed, 'Unknown' where not."""
    columns = {"protocol": pl.String, "chain": pl.String, "token": pl.String}
    tables = {
        date: pl.DataFrame(
            [(*key, *amounts) for key, amounts in book.items()],
            schema={**columns, "quantity": pl.Float64, "value_usd": pl.Float64}, orient="row",
        )
        for date, book in sorted(history.items())
    }  # fmt: skip
    rows = pl.concat(tables.values())
    usd = (
        rows.filter(pl.col("value_usd") > 0).group_by("token").agg(usd=(pl.col("value_usd") * 100).round().sum() / 100)
    )
    known = {line.split(",")[0]: line.split(",")[1:] for line in listing.splitlines()}
    ids = rows["protocol"].unique().sort().to_list()
    listed = [(i, *known.get(i, (i, "Unknown", "Unknown", None))) for i in ids]
    names = ("protocol", "name", "category", "sector", "symbol")
    return HoldingsFeed(
        sources=(), frequency=frequency, dates=list(tables),
        protocols=pl.DataFrame(listed, schema=dict.fromkeys(names, pl.String), orient="row"),
        tokens=usd.with_columns(issuer=pl.lit(None, pl.String)), findings=of_whole_input([]), load=tables.__getitem__,
    )  # fmt: skip


def rebuilt(folder: Path, history: History, listing: str = "") -> Store:
    vintage = build_feed(feed(history, listing), "all", folder / "store", kind="holdings")
    return open_store(folder / "store", vintage)


def updated(base: Store, history: History, listing: str = "") -> tuple[Store, Updated]:
    done = update(feed(history, listing), "new", base, base.path.parent, kind="holdings")
    return open_store(base.path.parent, done.vintage), done


def assert_same(one: Store, other: Store) -> None:
    """Every file equal but the findings about an input file and the digest that tells of them."""
    files = [{name for name in s.manifest.files if not name.startswith("findings/")} for s in (one, other)]
    assert files[0] == files[1]
    for name in files[0] - {"digests.parquet"}:
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes(), name
    told = (pl.col("table_name") != "findings") | pl.col("date").is_not_null()
    assert one.digests().filter(told).equals(other.digests().filter(told))
    assert one.findings().drop_nulls("date").equals(other.findings().drop_nulls("date"))
    assert one.manifest.content_hash == other.manifest.content_hash
    assert one.manifest.calendar == other.manifest.calendar
    one.verify()


# 111 (Aave) holds DAI of 118 and WETH; 118 holds UNI of 1; a borrowed chain that does not count.
BOOK: Book = {
    ("111", "Ethereum", "DAI"): (100.0, 100.25),
    ("111", "Ethereum", "WETH"): (1.0, 1000.0),
    ("111", "Ethereum-borrowed", "DAI"): (5.0, 5.0),
    ("118", "Ethereum", "UNI"): (10.0, 50.5),
    ("118", "Base", "FOO"): (None, 7.0),
}
ODD: Book = {("118", "Base", "BAD"): (1.0, -3.0), ("118", "Base", "ZERO"): (0.0, 0.0)}


def grown(book: Book, factor: float) -> Book:
    return {key: (q, round(v * factor, 2)) for key, (q, v) in book.items()}


def history_of(weeks: int) -> History:
    return {date: grown(BOOK, 1 + 0.1 * i) | (ODD if i % 2 else {}) for i, date in enumerate(MONDAYS[:weeks])}


def test_a_part_that_waits_for_a_row_group_takes_a_later_date(tmp_path: Path) -> None:
    """Two exposures a date: 2 + 2 end a group of 3; the third date's 2 wait, though the part has its 6 rows."""
    book: Book = {(p, "Ethereum", "DAI"): (1.0, 1.0) for p in ("111", "9001")}
    whole = dict.fromkeys((*MONDAYS[:3], MONDAYS[6]), book)
    base = rebuilt(tmp_path / "base", dict.fromkeys(MONDAYS[:3], book))
    new, _ = updated(base, {MONDAYS[6]: book})
    assert_same(new, rebuilt(tmp_path / "all", whole))
    assert [f for f in new.manifest.files if f.startswith("exposures/")] == [f"exposures/{MONDAYS[0]}.parquet"]


def test_a_new_week(tmp_path: Path) -> None:
    whole = history_of(6)
    base = rebuilt(tmp_path / "base", {date: whole[date] for date in MONDAYS[:5]})
    new, done = updated(base, {MONDAYS[5]: whole[MONDAYS[5]]})
    assert (done.added, done.revised, done.computed, done.kept) == ([MONDAYS[5]], [], [MONDAYS[5]], 5)
    assert done.shared.linked > 10
    assert done.shared.copied == 0
    assert_same(new, rebuilt(tmp_path / "all", whole))
    assert new.manifest.base == base.vintage
    held = base.manifest.files.keys() & new.manifest.files.keys()
    linked = [n for n in held if (base.path / n).samefile(new.path / n)]
    assert len(linked) == done.shared.linked


def test_a_revised_old_week_changes_it_and_the_next(tmp_path: Path) -> None:
    whole = history_of(6)
    base = rebuilt(tmp_path / "base", whole)
    revised = grown(BOOK, 3.0)
    new, done = updated(base, {MONDAYS[2]: revised})
    assert (done.added, done.revised, done.computed) == ([], [MONDAYS[2]], [MONDAYS[2], MONDAYS[3]])
    assert_same(new, rebuilt(tmp_path / "all", {**whole, MONDAYS[2]: revised}))


def test_a_week_between_others(tmp_path: Path) -> None:
    whole = history_of(6)
    base = rebuilt(tmp_path / "base", {date: book for date, book in whole.items() if date != MONDAYS[3]})
    assert "missing snapshots" in base.findings()["finding"].to_list()
    new, done = updated(base, {MONDAYS[3]: whole[MONDAYS[3]]})
    assert done.computed == [MONDAYS[3], MONDAYS[4]]
    assert "missing snapshots" not in new.findings()["finding"].to_list()
    assert_same(new, rebuilt(tmp_path / "all", whole))


def test_a_protocol_that_vanishes(tmp_path: Path) -> None:
    whole = history_of(6)
    gone = {key: v for key, v in whole[MONDAYS[4]].items() if key[0] != "118"}
    base = rebuilt(tmp_path / "base", whole)
    new, _ = updated(base, {MONDAYS[4]: gone})
    assert_same(new, rebuilt(tmp_path / "all", {**whole, MONDAYS[4]: gone}))


def test_a_larger_claimant_takes_a_token_on_every_date_it_is_held(tmp_path: Path) -> None:
    """FOO is claimed by nobody; then 777, new in the last week, names it: it is an exposure to 777 all the time."""
    whole = history_of(6)
    whole[MONDAYS[1]] = {key: v for key, v in whole[MONDAYS[1]].items() if key[2] != "FOO"}
    whole[MONDAYS[2]] = {key: v for key, v in whole[MONDAYS[2]].items() if key[2] != "FOO"}
    whole[MONDAYS[5]] = whole[MONDAYS[5]] | {("777", "Base", "WETH"): (1.0, 10.0)}
    listing = "111,Aave V2,Lending,Lending,AAVE\n118,Maker,CDP,Stablecoins,MKR\n"
    base = rebuilt(tmp_path / "base", {date: whole[date] for date in MONDAYS[:5]}, listing)
    more = listing + "777,Foo Finance,Yield,DeFi,FOO\n"
    new, done = updated(base, {MONDAYS[5]: whole[MONDAYS[5]]}, more)
    # held on dates 0, 3, 4 (and 5); date 1 follows one on which it was held; date 2 keeps its tables
    assert done.computed == [MONDAYS[i] for i in (0, 1, 3, 4, 5)]
    assert_same(new, rebuilt(tmp_path / "all", whole, more))
    assert new.exposure_tokens(MONDAYS[0], debtor="777").rows() == [("118", "777", "FOO", 7.0)]


def test_the_largest_spelling_names_the_others(tmp_path: Path) -> None:
    """FOO and Foo are one token under the larger's name: another becomes the larger, or the larger vanishes."""
    foo, spelled = ("118", "Base", "FOO"), ("118", "Base", "Foo")
    whole = history_of(5)
    whole[MONDAYS[3]] = whole[MONDAYS[3]] | {spelled: (None, 100.0)}
    last = MONDAYS[4]
    base = rebuilt(tmp_path / "base", {date: book for date, book in whole.items() if date != last})
    for i, (date, book) in enumerate([
        (last, whole[last] | {foo: (None, 200.0)}),
        (last, whole[last] | {spelled: (None, 1.0)}),
        (MONDAYS[3], {key: v for key, v in whole[MONDAYS[3]].items() if key != spelled}),
    ]):  # fmt: skip
        new, _ = updated(base, {date: book})
        every = {**{d: b for d, b in whole.items() if d != last}, date: book}
        assert_same(new, rebuilt(tmp_path / f"all{i}", every))


def test_another_sector_is_another_spillover_matrix(tmp_path: Path) -> None:
    whole = history_of(5)
    listing = "111,Aave V2,Lending,Lending,AAVE\n118,Maker,CDP,Stablecoins,MKR\n"
    base = rebuilt(tmp_path / "base", {date: whole[date] for date in MONDAYS[:4]}, listing)
    other = listing.replace("Stablecoins", "Lending")
    new, done = updated(base, {MONDAYS[4]: whole[MONDAYS[4]]}, other)
    assert done.computed == MONDAYS[:5]
    assert_same(new, rebuilt(tmp_path / "all", whole, other))


def test_the_same_input_again_changes_nothing(tmp_path: Path) -> None:
    base = rebuilt(tmp_path / "base", history_of(4))
    new, done = updated(base, history_of(4))
    assert (done.computed, new.vintage) == ([], base.vintage)
    assert sorted(p.name for p in base.path.parent.iterdir()) == sorted([base.vintage, "LATEST"])


def test_a_whole_history_with_one_revision_computes_only_that(tmp_path: Path) -> None:
    whole = history_of(6)
    base = rebuilt(tmp_path / "base", whole)
    later = {**whole, MONDAYS[5]: grown(BOOK, 9.0)}
    new, done = updated(base, later)
    assert done.computed == [MONDAYS[5]]
    assert_same(new, rebuilt(tmp_path / "all", later))


def test_without_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = history_of(5)
    base = rebuilt(tmp_path / "base", {date: whole[date] for date in MONDAYS[:4]})

    def refuse(*_: object) -> None:
        raise OSError("no links on this disk")

    monkeypatch.setattr("os.link", refuse)
    new, done = updated(base, {MONDAYS[4]: whole[MONDAYS[4]]})
    assert done.shared.linked == 0
    assert done.shared.copied > 5
    assert_same(new, rebuilt(tmp_path / "all", whole))


def test_code_of_another_version_computes_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = history_of(4)
    base = rebuilt(tmp_path / "base", {date: whole[date] for date in MONDAYS[:3]})
    monkeypatch.setattr("dexposure_core.pipeline.building.affected.__version__", "9.9.9")
    new, done = updated(base, {MONDAYS[3]: whole[MONDAYS[3]]})
    assert done.computed == MONDAYS[:4]
    assert_same(new, rebuilt(tmp_path / "all", whole))


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    base = rebuilt(tmp_path / "base", history_of(2))
    with pytest.raises(BadInput, match=r"new: vintage .* was made from holdings, not defillama; import it without"):
        update(feed(history_of(3)), "new", base, tmp_path, kind="defillama")
    with pytest.raises(BadInput, match=r"has a snapshot every week; read the input with --frequency week"):
        update(feed(history_of(3), frequency="day"), "new", base, tmp_path, kind="holdings")


KEYS = st.tuples(
    st.sampled_from(["111", "118", "9001"]), st.sampled_from(["Ethereum", "Base-borrowed"]),
    st.sampled_from(["DAI", "WETH", "weth", "A-B", "9001", "FOO"]),
)  # fmt: skip
VALUES = st.tuples(st.one_of(st.none(), st.floats(0.1, 100)), st.integers(-3, 10_000).map(lambda c: c / 100))
BOOKS = st.dictionaries(KEYS, VALUES, max_size=6).map(lambda book: {**book, ("111", "Ethereum", "DAI"): (1.0, 1.0)})


@settings(max_examples=12, deadline=None)
@given(
    old=st.dictionaries(st.sampled_from(MONDAYS), BOOKS, min_size=1, max_size=4),
    new=st.dictionaries(st.sampled_from(MONDAYS), BOOKS, min_size=1, max_size=2),
)
def test_an_update_is_a_rebuild(old: History, new: History, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("law")
    # Everybody is listed in every input, as a source's own list of protocols does.
    listing = "111,Aave V2,Lending,Lending,AAVE\n118,Maker,CDP,Stablecoins,MKR\n9001,Foo,Yield,DeFi,FOO\n"
    anchor = {("118", "Ethereum", "DAI"): (1.0, 1.0), ("9001", "Ethereum", "DAI"): (1.0, 1.0)}
    old = {date: book | anchor for date, book in old.items()}
    new = {date: book | anchor for date, book in new.items()}
    base = rebuilt(folder / "base", dict(sorted(old.items())), listing)
    result, _ = updated(base, new, listing)
    assert_same(result, rebuilt(folder / "all", dict(sorted((old | new).items())), listing))
