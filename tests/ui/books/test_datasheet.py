"""The Data page's words and code: exact to the cent, and the snippets run."""

import subprocess
import sys

import duckdb
import pytest

from dexposure_core.pipeline.building.reconcile import reconciliation
from dexposure_core.store import open_store
from dexposure_core.ui.books import datasheet
from dexposure_core.ui.view import View
from tests.app.conftest import world


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("it's a store")
    world(folder, weeks=3)
    return open_store(folder)


def view(store, basis="holdings"):
    dates = tuple(store.dates(basis))
    return View(page="data", vintage=store.vintage, basis=basis, date=dates[-1], dates=dates)


@pytest.mark.parametrize(
    ("cents", "written"),
    [(0, "USD 0.00"), (7, "USD 0.07"), (123456789012345, "USD 1,234,567,890,123.45"), (-150, "−USD 1.50")],
)
def test_cents_are_written_in_full(cents, written):
    assert datasheet.exact(cents) == written


def test_the_books_read_from_what_came_in_to_the_difference(store):
    table = datasheet.books_table(reconciliation(store, store.dates()[-1]))
    assert table["what"].to_list() == [
        "Came in", "Mapped", "Mapped by: given", "Dropped", "Dropped as: bucket", "Difference"
    ]  # fmt: skip
    assert table["amount"].to_list()[-1] == "USD 0.00"


def test_the_answer_says_that_the_books_balance(store):
    said = datasheet.answer(
        store.manifest, reconciliation(store, store.dates()[-1]), store.findings(), store.dates()[-1]
    )
    assert said.startswith("3 weekly snapshots from 2025-08-04 to 2025-08-18; on 2025-08-18 USD ")
    assert "**balance to the cent**" in said


def test_the_python_on_screen_runs(store):
    code = datasheet.python_snippet(store.path, view(store))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Snapshot(2025-08-18, holdings" in done.stdout


@pytest.mark.parametrize(("basis", "amount"), [("holdings", "exposure_usd"), ("flow", "flow_usd")])
def test_the_sql_on_screen_runs_and_gives_the_same_numbers(store, basis, amount):
    rows = duckdb.connect().sql(datasheet.sql_snippet(store.path, view(store, basis))).fetchall()
    snapshot = store.snapshot(store.dates()[-1], basis)
    assert [r[2] for r in rows] == sorted(snapshot.exposure_usd, reverse=True)[:10]


def test_every_table_is_described(store):
    from dexposure_core.store import TABLES

    for name in TABLES:
        assert datasheet.columns(name).height == len(TABLES[name].columns)
        assert "row" in datasheet.table_line(store.manifest, name)


def test_the_stores_vintages_are_told_apart(tmp_path):
    from dexposure_core.store import list_vintages
    from tests.app.conftest import publish

    latest = publish(tmp_path, revised=False)
    table = datasheet.vintage_table(list_vintages(tmp_path), latest)
    row = table.row(0, named=True)
    assert (row["What"], row["Snapshots"], row["Sources"], row["Vintage"]) == (
        "latest, observed", 6, "holdings.csv", latest,
    )  # fmt: skip
