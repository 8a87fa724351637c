"""A world small enough to check by hand: three protocols, two tokens, three Mondays."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from dexposure_core.store import TABLES, Store, VintageWriter, open_store

MONDAYS = (dt.date(2024, 1, 1), dt.date(2024, 1, 8), dt.date(2024, 1, 15))


def frame(table: str, *rows: tuple) -> pl.DataFrame:
    """Rows of a table in the column order of schema.sql."""
    return pl.DataFrame(list(rows), schema=TABLES[table].polars, orient="row")


# USDX is issued by Mint (2), LEND by Lender (1). What is held, (quantity, USD):
#              2024-01-01        2024-01-08        2024-01-15
# Lender USDX  100 at 1.00 = 100  120 at 0.90 = 108  gone
# Farm   USDX   50 at 1.00 =  50   50 at 0.90 =  45   50 at 1.00 = 50
# Farm   LEND   -                  10 at 2.00 =  20   10, quantity unknown = 30
# Mint   USDX    7 at 1.00 =   7    7 at 0.90 = 6.3    7 at 1.00 =  7   its own token: no exposure
HOLDINGS = (
    (MONDAYS[0], "1", "Ethereum", "USDX", 100.0, 100.0, True),
    (MONDAYS[0], "3", "Ethereum", "USDX", 50.0, 50.0, True),
    (MONDAYS[0], "2", "Ethereum", "USDX", 7.0, 7.0, True),
    (MONDAYS[1], "1", "Ethereum", "USDX", 120.0, 108.0, True),
    (MONDAYS[1], "3", "Ethereum", "USDX", 50.0, 45.0, True),
    (MONDAYS[1], "3", "Base", "LEND", 10.0, 20.0, True),
    (MONDAYS[1], "2", "Ethereum", "USDX", 7.0, 6.3, True),
    (MONDAYS[2], "3", "Ethereum", "USDX", 50.0, 50.0, True),
    (MONDAYS[2], "3", "Base", "LEND", None, 30.0, True),
    (MONDAYS[2], "2", "Ethereum", "USDX", 7.0, 7.0, True),
)
EXPOSURE_TOKENS = (
    (MONDAYS[0], "1", "2", "USDX", 100.0),
    (MONDAYS[0], "3", "2", "USDX", 50.0),
    (MONDAYS[1], "1", "2", "USDX", 108.0),
    (MONDAYS[1], "3", "2", "USDX", 45.0),
    (MONDAYS[1], "3", "1", "LEND", 20.0),
    (MONDAYS[2], "3", "2", "USDX", 50.0),
    (MONDAYS[2], "3", "1", "LEND", 30.0),
)
WORLD = {
    "protocols": frame(
        "protocols",
        ("1", "Lender", "Lending", "DeFi", None, None),
        ("2", "Mint 100%_real", "CDP", "Stablecoins", None, None),
        ("3", "Farm", "Yield", "DeFi", None, None),
    ),
    "tokens": frame(
        "tokens",
        ("USDX", "2", "given", 1.0, "stablecoin", "", 37330),
        ("LEND", "1", "metadata", 1.0, "governance", "3", 5000),
        ("LP", None, "bucket", 0.0, "unknown", "", 0),
    ),
    "holdings": frame("holdings", *HOLDINGS),
    "exposures": frame("exposures", *((d, c, b, usd) for d, c, b, _, usd in EXPOSURE_TOKENS)),
    "exposure_tokens": frame("exposure_tokens", *EXPOSURE_TOKENS),
    # Lender's USDX grew by 8 = 100 (0.9 - 1) + 0.9 (120 - 100) = -10 + 18; Farm's fell by 5, all price; LEND enters
    "flows": frame(
        "flows",
        (MONDAYS[1], "2", "1", 8.0, -10.0, 18.0),
        (MONDAYS[1], "3", "2", 5.0, 5.0, 0.0),
        (MONDAYS[1], "1", "3", 20.0, 0.0, 20.0),
        (MONDAYS[2], "1", "2", 108.0, 0.0, 108.0),
        (MONDAYS[2], "2", "3", 5.0, 5.0, 0.0),
        (MONDAYS[2], "1", "3", 10.0, None, None),
    ),
    "nodes": frame(
        "nodes",
        (MONDAYS[0], "holdings", "1", 100.0),
        (MONDAYS[0], "holdings", "2", 7.0),
        (MONDAYS[0], "holdings", "3", 50.0),
        (MONDAYS[1], "holdings", "1", 108.0),
        (MONDAYS[1], "holdings", "2", 6.3),
        (MONDAYS[1], "holdings", "3", 65.0),
        (MONDAYS[2], "holdings", "1", 0.0),
        (MONDAYS[2], "holdings", "2", 7.0),
        (MONDAYS[2], "holdings", "3", 80.0),
        (MONDAYS[1], "flow", "1", 100.0),
        (MONDAYS[1], "flow", "2", 7.0),
        (MONDAYS[1], "flow", "3", 50.0),
        (MONDAYS[2], "flow", "1", 108.0),
        (MONDAYS[2], "flow", "2", 6.3),
        (MONDAYS[2], "flow", "3", 65.0),
    ),
    "measures": frame(
        "measures",
        (MONDAYS[0], "holdings", "tvl_hhi", 0.5),
        (MONDAYS[1], "holdings", "tvl_hhi", 0.6),
        (MONDAYS[2], "holdings", "tvl_hhi", None),
        (MONDAYS[0], "holdings", "density", 2 / 6),
        (MONDAYS[1], "holdings", "density", 3 / 6),
        (MONDAYS[1], "flow", "tvl_hhi", 0.4),
    ),
    "importance": frame(
        "importance",
        (MONDAYS[0], "holdings", "1", 0.2, 0.1, 1.0, 0.9, 0.0),
        (MONDAYS[0], "holdings", "2", 0.9, 1.0, None, 0.1, 0.5),
        (MONDAYS[0], "holdings", "3", 0.2, 0.1, 1.0, 0.5, 0.0),
        (MONDAYS[1], "holdings", "1", None, 0.1, 1.0, 0.9, 0.0),
        (MONDAYS[1], "holdings", "2", 0.8, 1.0, None, 0.1, 0.5),
    ),
    "sector_exposures": frame(
        "sector_exposures",
        (MONDAYS[0], "holdings", "DeFi", "Stablecoins", 150.0),
        (MONDAYS[1], "holdings", "DeFi", "Stablecoins", 153.0),
        (MONDAYS[1], "holdings", "DeFi", "DeFi", 20.0),
    ),
    "coverage": frame("coverage", (MONDAYS[0], "in", "total", 3, 15700), (MONDAYS[0], "mapped", "given", 3, 15700)),
    "findings": frame("findings", (None, "info", "no chain", "holdings.csv", 2, None, "kept")),
    "events": frame("events", (MONDAYS[1], dt.date(2024, 1, 3), "Depeg", "depeg", "Mint", "USDX", None)),
}


def publish(store: Path, tables: dict[str, pl.DataFrame], **options: object) -> str:
    """Publish a vintage of whole tables."""
    said = {"sources": (), "parameters": {}, "frequency": "week", "simulated": False, **options}
    with VintageWriter(store) as writer:
        for name, rows in tables.items():
            writer.append(name, rows)
        return writer.publish(**said)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds the world."""
    path = tmp_path_factory.mktemp("store")
    publish(path, WORLD)
    return path


@pytest.fixture
def store(folder: Path) -> Store:
    """The world, opened."""
    return open_store(folder)
