"""Small vintages, and every page of the dashboard run on them without a browser."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from dexposure_core.network.build import from_holdings
from dexposure_core.pipeline.building.build import Plan, build
from dexposure_core.pipeline.building.ingest import ingest_edges
from dexposure_core.pipeline.building.week import each_after_the_other

ROOT = Path(__file__).resolve().parents[2]
WEEKS = 20
LAST = dt.date(2025, 8, 18)
EVIL = '<img src=x onerror=alert(1)> =HYPERLINK("http://evil") | [x](javascript:alert(1)) $x^2$'
# protocol, name, category, sector
NAMES = [
    ("1", "Alpha Bank", "Lending", "Lending"), ("2", "Beta Swap", "Dexs", "Trading"),
    ("3", "Gamma Bridge", "Bridge", "Bridges"), ("4", "Delta Dollar", "Stablecoin", "Stablecoins"),
    ("5", "Epsilon Exchange", "CEX", "Trading"), ("6", EVIL, "Yield", "Asset Management"),
    ("WETH", "WETH", "Unknown", "Unknown"), ("8", "Theta Stake", "Liquid Staking", "Staking"),
]  # fmt: skip
ISSUED = {"ALPHA": "1", "BETA": "2", "GAMMA": "3", "USDD": "4", "EPS": "5", "EVIL": "6", "WETH": "WETH", "stTH": "8"}
# holder, token, tokens held, price
HELD = [
    ("1", "USDD", 9e8, 1.0), ("1", "WETH", 4e5, 2000.0), ("1", "stTH", 2e5, 1980.0), ("2", "USDD", 5e8, 1.0),
    ("2", "WETH", 2e5, 2000.0), ("2", "ALPHA", 1e6, 90.0), ("3", "WETH", 3e5, 2000.0), ("3", "USDD", 2e8, 1.0),
    ("4", "GAMMA", 5e6, 12.0), ("5", "WETH", 9e5, 2000.0), ("5", "USDD", 3e9, 1.0), ("6", "BETA", 3e7, 4.0),
    ("6", "USDD", 4e7, 1.0), ("8", "WETH", 6e5, 2000.0), ("2", "EVIL", 1e6, 7.0), ("1", "UNKNOWN", 1e6, 1.0),
]  # fmt: skip


@dataclass(frozen=True)
class Receipt:
    name: str
    bytes: int = 1
    sha256: str = "0" * 64


def frames():
    names = pl.DataFrame(NAMES, schema=["protocol", "name", "category", "sector"], orient="row")
    rows = [(t, i, "given", 1.0, "unknown", "") for t, i in ISSUED.items()]
    rows.append(("UNKNOWN", None, "bucket", 1.0, "unknown", ""))
    columns = ["token", "issuer", "method", "score", "kind", "alternatives"]
    return names, pl.DataFrame(rows, schema=columns, orient="row")


def week(number: int) -> pl.DataFrame:
    """Prices swing a little, the dollar slips in week 10, the exchange enters in week 12."""
    rows = []
    for place, (holder, token, held, price) in enumerate(HELD):
        if holder == "5" and number < 12:
            continue
        swing = 1 + 0.01 * ((number * (place + 3)) % 7 - 3)
        now = price * (0.9 if (token, number) == ("USDD", 10) else swing)
        rows.append((holder, "Ethereum", token, held * (1 + 0.004 * ((number + place) % 5)), now))
    holdings = pl.DataFrame(rows, schema=["protocol", "chain", "token", "quantity", "price"], orient="row")
    return holdings.select("protocol", "chain", "token", "quantity", value_usd=(pl.col("quantity") * pl.col("price")))


def events() -> pl.DataFrame:
    schema = {
        "date": pl.Date, "happened": pl.Date, "name": pl.String, "kind": pl.String, "protocols": pl.String,
        "tokens": pl.String, "loss_usd": pl.Float64,
    }  # fmt: skip
    day = LAST - dt.timedelta(weeks=9)
    return pl.DataFrame(
        [(day, day, "Dollar slips <b>", "fiat-stable depeg", "4", "USDD", None)], schema=schema, orient="row"
    )


def world(folder: Path, weeks: int = WEEKS, *, simulated: bool = True, last: dt.date = LAST) -> str:
    names, tokens = frames()
    dates = [last - dt.timedelta(weeks=weeks - 1 - n) for n in range(weeks)]

    def periods():
        previous = None
        for number, day in enumerate(dates):
            period = from_holdings(day, week(number), previous, tokens)
            previous = period.holdings
            yield period, names

    plan = Plan(
        place="world", sources=[Receipt("small world.csv")], dates=dates, frequency="week", parameters={"seed": 1},
        simulated=simulated, events=events(), tokens=tokens,
    )  # fmt: skip
    return build(each_after_the_other(periods()), plan, folder)


def publish(folder: Path, *, revised: bool) -> str:
    """Six weeks of observed data; revised: weeks 3 and 4 say that all dollars were worth 10 % less."""
    names, tokens = frames()
    dates = [LAST - dt.timedelta(weeks=5 - n) for n in range(6)]
    cut = pl.when(pl.col("token") == "USDD").then(0.9 * pl.col("value_usd")).otherwise("value_usd")

    def periods():
        previous = None
        for number, day in enumerate(dates):
            held = week(number)
            held = held.with_columns(value_usd=cut) if revised and number in (3, 4) else held
            period = from_holdings(day, held, previous, tokens)
            previous = period.holdings
            yield period, names

    plan = Plan(
        place="world", sources=[Receipt("holdings.csv")], dates=dates, frequency="week",
        parameters={"source": "holdings"}, simulated=False, events=None, tokens=tokens,
    )  # fmt: skip
    return build(each_after_the_other(periods()), plan, folder)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    world(folder)
    return folder


@pytest.fixture(scope="session")
def banks(tmp_path_factory):
    """A yearly network of banks: no tokens, no quantities, no sectors."""
    folder = tmp_path_factory.mktemp("banks")
    file = folder / "banks.csv"
    rows = [f"{year}-12-31,Bank {a},Bank {b},{100 * a + 10 * b + year % 7}" for year in range(2018, 2024)
            for a in range(1, 6) for b in range(1, 6) if a != b and (a + b + year) % 3]  # fmt: skip
    file.write_text("date,creditor,debtor,exposure_usd\n" + "\n".join(rows) + "\n")
    ingest_edges(file, folder / "store")
    return folder / "store"


@pytest.fixture(scope="session", autouse=True)
def _caches_are_emptied():
    yield
    streamlit.cache_resource.clear()


@pytest.fixture
def visit(monkeypatch):
    """visit(store, page, **parameters) → the page as AppTest saw it."""

    def go(store: Path, page: str, **parameters: str) -> AppTest:
        monkeypatch.setenv("DEXPOSURE_STORE", str(store))
        monkeypatch.delenv("DEXPOSURE_VINTAGE", raising=False)
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.switch_page(f"pages/{page}.py")
        for name, value in parameters.items():
            app.query_params[name] = value
        return app.run()

    return go
