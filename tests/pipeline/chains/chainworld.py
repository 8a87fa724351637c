"""Four protocols, three tokens, three chains and a borrowed balance, made to be added up by hand.

USDX is issued by Mint (2, holds nothing), BRID by Span (4, a bridge that holds 100 USDX on Ethereum), LEND by Lender.

                       2024-01-01   2024-01-08
Lender  Ethereum USDX     60           75
Lender  Base     USDX     40           20
Farm    Base     BRID     30           30     bridged: issued by Span, whose assets are on Ethereum
Farm    Ethereum LEND     20           25     Lender is at home on Ethereum (60, then 75) and Base (40, then 20)
Span    Ethereum USDX    100          100
Farm    Solana   USDX      -           10
Lender  Ethereum-borrowed USDX  50     70     lent out: not Lender's own
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from dexposure_core.network.build import from_holdings
from dexposure_core.pipeline.building.build import Plan, build
from dexposure_core.pipeline.building.week import each_after_the_other
from dexposure_core.store import Store, open_store

DAYS = (dt.date(2024, 1, 1), dt.date(2024, 1, 8))
BALANCES = [
    ("1", "Ethereum", "USDX", 60.0, 75.0), ("1", "Base", "USDX", 40.0, 20.0), ("3", "Base", "BRID", 30.0, 30.0),
    ("3", "Ethereum", "LEND", 20.0, 25.0), ("4", "Ethereum", "USDX", 100.0, 100.0), ("3", "Solana", "USDX", None, 10.0),
    ("1", "Ethereum-borrowed", "USDX", 50.0, 70.0),
]  # fmt: skip
NAMES = pl.DataFrame(
    [("1", "Lender", "Lending", "DeFi"), ("2", "Mint", "Stablecoin Issuer", "Stablecoins"),
     ("3", "Farm", "Yield", "DeFi"), ("4", "Span", "Bridge", "Bridges")],
    schema=["protocol", "name", "category", "sector"], orient="row",
)  # fmt: skip
TOKENS = pl.DataFrame(
    [("USDX", "2", "given", 1.0, "stablecoin", "", 0), ("BRID", "4", "given", 1.0, "wrapped", "", 0),
     ("LEND", "1", "given", 1.0, "receipt", "", 0), ("WRAP", "WRAP", "given", 1.0, "wrapped", "", 0)],
    schema=["token", "issuer", "method", "score", "kind", "alternatives", "usd_cents"], orient="row",
)  # fmt: skip


@dataclass(frozen=True)
class Receipt:
    name: str = "by hand"
    bytes: int = 1
    sha256: str = "0" * 64


def rows(day: int, balances=BALANCES) -> pl.DataFrame:
    """The holdings of the first or the second date; prices stay at 1."""
    kept = [(p, c, t, b[day], b[day]) for p, c, t, *b in balances if b[day] is not None]
    schema = {"protocol": str, "chain": str, "token": str, "quantity": float, "value_usd": float}
    return pl.DataFrame(kept, schema=schema, orient="row")


def publish(folder: Path, balances=BALANCES) -> Store:
    """Build the vintage by the ordinary build and open it."""

    def periods():
        previous = None
        for number, day in enumerate(DAYS):
            period = from_holdings(day, rows(number, balances), previous, TOKENS)
            previous = period.holdings
            yield period, NAMES

    plan = Plan(
        place="by hand", sources=[Receipt()], dates=DAYS, frequency="week", parameters={}, tokens=TOKENS, today=None
    )
    build(each_after_the_other(periods()), plan, folder)
    return open_store(folder)
