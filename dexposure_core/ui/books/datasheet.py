"""What the Data page says: the vintage in one sentence, the books as a table, and code that reads the same numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from dexposure_core.pipeline.building.reconcile import Reconciliation
from dexposure_core.store import TABLES, Manifest
from dexposure_core.ui import text
from dexposure_core.ui.view import View


class Section(NamedTuple):
    """A part of the Data page: its heading, what draws it, and its topic in the manual."""

    title: str
    draw: Callable[[], None]
    method: str


def answer(manifest: Manifest, books: Reconciliation, findings: pl.DataFrame, date: dt.date) -> str:
    """Answer: where do the numbers come from, and do they reconcile?"""
    n = manifest.dates.count
    each = {"week": "weekly ", "day": "daily ", "month": "monthly "}.get(manifest.frequency, "")
    said = f"{text.count(n)} {each}snapshot{'' if n == 1 else 's'} from {manifest.dates.first} to {manifest.dates.last}"
    balance = "the books **balance to the cent**"
    if books.difference_cents:
        balance = f"**{exact(books.difference_cents)} are not accounted for**"
    came, share = text.usd(books.in_cents / 100), text.percent(books.mapped_share)
    used = f"on {date} {came} came in, {share} of it mapped to issuers"
    errors = findings.filter(pl.col("severity") == "error").height
    health = (
        f"the build remarked on {text.plural(findings.height, 'thing')}, {text.plural(errors, 'error')} among them"
        if findings.height
        else "the build found nothing odd"
    )
    return f"{said}; {used}; {balance}; {health}."


def exact(cents: int) -> str:
    """Write cents as USD in full: `USD 1 234 567.89`."""
    sign, rest = ("−" if cents < 0 else ""), abs(cents)
    return f"{sign}USD {rest // 100:,}.{rest % 100:02d}"


def books_table(books: Reconciliation) -> pl.DataFrame:
    """Return the reconciliation as read: came in, mapped and by which method, dropped and why, the difference."""
    came = sum(rows for side, rows in books.rows.select("side", "rows").iter_rows() if side == "in")
    table = [("Came in", came, exact(books.in_cents), _share(books.in_cents, books))]
    for side, title, cents in (("mapped", "Mapped", books.mapped_cents), ("dropped", "Dropped", books.dropped_cents)):
        part = books.rows.filter(pl.col("side") == side)
        table.append((title, int(part["rows"].sum()), exact(cents), _share(cents, books)))
        table += [
            (f"{title} {'by' if side == 'mapped' else 'as'}: {reason}", rows, exact(amount), share)
            for reason, rows, amount, share in part.select("reason", "rows", "usd_cents", "share").iter_rows()
        ]
    table.append(("Difference", 0, exact(books.difference_cents), None))
    schema = {"what": pl.String, "rows": pl.Int64, "amount": pl.String, "share": pl.Float64}
    return pl.DataFrame(table, schema=schema, orient="row").select("what", "amount", "share", "rows")


def facts(manifest: Manifest) -> pl.DataFrame:
    """Return what the manifest says, as (what, value)."""
    rows: list[tuple[str, str]] = [
        ("Vintage", manifest.vintage),
        ("Built", f"{manifest.created_at:%Y-%m-%d %H:%M} UTC by {manifest.built_by}"),
        ("Content hash", manifest.content_hash),
        ("Kind of data", "SIMULATED DATA" if manifest.simulated else "observed, as imported"),
        ("Snapshots", f"{manifest.dates.count}, {manifest.dates.first} to {manifest.dates.last}, {manifest.frequency}"),
    ]
    rows += [
        (f"Source {text.short(s.name, 60)}", f"{text.count(s.bytes)} bytes, sha256 {s.sha256}")
        for s in manifest.sources
    ]
    rows += [(f"Parameter {name}", text.short(str(value), 200)) for name, value in manifest.parameters.items()]
    return pl.DataFrame(rows, schema=["What", "Value"], orient="row")


def vintage_table(manifests: Sequence[Manifest], latest: str) -> pl.DataFrame:
    """Return the vintages of a store as read, in the order given: as of, what it is, built, snapshots, source, id."""
    rows = [
        (
            m.dates.last,
            ", ".join([*(["latest"] if m.vintage == latest else []), "simulated" if m.simulated else "observed"]),
            f"{m.created_at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC",
            m.dates.count,
            _bytes(sum(record.bytes for record in m.files.values())),
            ", ".join(text.short(s.name.rsplit("/", 1)[-1], 40) for s in m.sources[:3]),
            m.vintage,
        )
        for m in manifests
    ]
    schema = {"As of": pl.Date, "What": pl.String, "Built": pl.String, "Snapshots": pl.Int64, "Size": pl.String}
    return pl.DataFrame(rows, schema=schema | {"Sources": pl.String, "Vintage": pl.String}, orient="row")


def columns(table: str) -> pl.DataFrame:
    """Return column, type and meaning of a table."""
    rows = [(c.name, c.type, c.help) for c in TABLES[table].columns]
    return pl.DataFrame(rows, schema=["Column", "Type", "Meaning"], orient="row")


def table_line(manifest: Manifest, table: str) -> str:
    """Say what a table is and how large."""
    size = sum(record.bytes for file, record in manifest.files.items() if file.split("/")[0].split(".")[0] == table)
    told = text.markdown(TABLES[table].help)
    return f"{told[:1].upper()}{told[1:]} {text.plural(manifest.rows[table], 'row')}, {_bytes(size)} as Parquet."


def python_snippet(path: Path, view: View) -> str:
    """Return Python that prints the TVL concentration and the largest exposures of the view."""
    return (
        "import datetime as dt\n"
        "from dexposure_core import open_store\n\n"
        f"store = open_store({str(path.parent)!r}, vintage={view.vintage!r})\n"
        f"date = dt.date({view.date.year}, {view.date.month}, {view.date.day})\n"
        f"snapshot = store.snapshot(date, basis={view.basis!r})\n"
        f"history = store.history('tvl_hhi', {view.basis!r})\n"
        "print(snapshot)\n"
        "print(history.tail())\n"
    )


def sql_snippet(path: Path, view: View) -> str:
    """Return SQL (DuckDB) that lists the ten largest exposures of the view from the Parquet files."""
    table, amount = ("exposures", "exposure_usd") if view.basis == "holdings" else ("flows", "flow_usd")

    def file(name: str) -> str:
        parts = f"{name}/*.parquet" if TABLES[name].dated else f"{name}.parquet"
        return "'" + str(path / parts).replace("'", "''") + "'"

    return (
        f"SELECT a.name AS creditor, b.name AS debtor, e.{amount}\n"
        f"FROM {file(table)} AS e\n"
        f"JOIN {file('protocols')} AS a ON a.protocol = e.creditor\n"
        f"JOIN {file('protocols')} AS b ON b.protocol = e.debtor\n"
        f"WHERE e.date = DATE '{view.date}'\n"
        f"ORDER BY e.{amount} DESC LIMIT 10;\n"
    )


def _share(cents: int, books: Reconciliation) -> float | None:
    return cents / books.in_cents if books.in_cents else None


def _bytes(size: int) -> str:
    value: Any = next(((size / s, n) for s, n in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if size >= s), (size, "bytes"))
    return f"{text.digits(value[0])} {value[1]}"
