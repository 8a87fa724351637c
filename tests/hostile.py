"""A small vintage whose names are attacks, and what makes a text harmful where it lands."""

import csv
import datetime as dt
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import polars as pl

from dexposure_core.network.build import from_holdings
from dexposure_core.pipeline.building.build import Plan, build
from dexposure_core.pipeline.building.week import each_after_the_other

ATTACKS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"'><svg/onload=alert(1)>",
    "</script><script>alert(1)//",
    '=HYPERLINK("http://evil.example","x")', "+1+cmd|' /C calc'!A0", "-2+3+cmd", "@SUM(1+1)*cmd", "\t=1+1", "\r=1+1",
    "'; DROP TABLE nodes; --", "[x](javascript:alert(1))", "![x](http://evil.example/p.png)", "../../../etc/passwd",
    "\u202egnp.exe\u2066", "X" * 5000, "$\\href{http://evil.example}{x}$ :material/bug_report: `c` **b** :red[r]",
    "\x1b[31mred\x1b]0;title\x07", "{{7*7}} ${7*7} %s%n {0}", '<a href="http://evil.example">x</a>', "a\nb\u2028c\x00d",
    "http://evil.example/auto", "<!--", "&lt;b&gt;",
)  # fmt: skip
WEEKS = 6
LAST = dt.date(2025, 8, 18)
_MARKUP = re.compile(r"<(?:script|img|svg)\b.{0,40}?(?:alert\(1\)|onerror|onload)|<a href=.http://evil", re.IGNORECASE)
_STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def names() -> pl.DataFrame:
    """Every attack as the id, the name, the category and the sector of a protocol."""
    n = len(ATTACKS)
    rows = [(a, ATTACKS[(i + 1) % n], ATTACKS[(i + 2) % n], ATTACKS[i % 5 * 3]) for i, a in enumerate(ATTACKS)]
    return pl.DataFrame(rows, schema=["protocol", "name", "category", "sector"], orient="row")


def holdings(number: int) -> pl.DataFrame:
    """Everybody holds the tokens of the three after it; chains are attacks too."""
    n = len(ATTACKS)
    rows = [
        (a, ATTACKS[(i * 7 + k) % 6 * 3], ATTACKS[(i + k) % n], 1e6 * (10 + i + number * k))
        for i, a in enumerate(ATTACKS) for k in (1, 2, 3)
    ]  # fmt: skip
    held = pl.DataFrame(rows, schema=["protocol", "chain", "token", "quantity"], orient="row")
    return held.with_columns(value_usd=pl.col("quantity"))


def world(folder: Path, weeks: int = WEEKS) -> str:
    """Build the vintage into a store, past every check of the border: as a damaged or forged one would be."""
    tokens = pl.DataFrame(
        [(a, a, "given", 1.0, "unknown", "") for a in ATTACKS],
        schema=["token", "issuer", "method", "score", "kind", "alternatives"], orient="row",
    )  # fmt: skip
    dates = [LAST - dt.timedelta(weeks=weeks - 1 - n) for n in range(weeks)]

    def periods():
        previous = None
        for number, day in enumerate(dates):
            period = from_holdings(day, holdings(number), previous, tokens)
            previous = period.holdings
            yield period, names()

    happened = {"date": [dates[1]], "happened": [dates[1]], "name": [ATTACKS[1]], "kind": [ATTACKS[0]],
                "protocols": [ATTACKS[0]], "tokens": [ATTACKS[4]], "loss_usd": [None]}  # fmt: skip
    types = {"date": pl.Date, "happened": pl.Date, "loss_usd": pl.Float64}
    plan = Plan(
        place=ATTACKS[0], sources=[Receipt(ATTACKS[1])], dates=dates, frequency="week", parameters={"note": ATTACKS[0]},
        simulated=True, events=pl.DataFrame(happened, schema_overrides=types), tokens=tokens,
    )  # fmt: skip
    return build(each_after_the_other(periods()), plan, folder)


class Receipt:
    bytes, sha256 = 1, "0" * 64

    def __init__(self, name: str) -> None:
        self.name = name


class _Tags(HTMLParser):
    """What of an HTML document could act: tags with handlers, and whatever comes from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.acting: list[str] = []
        self._script = False

    def handle_starttag(self, tag, attrs):
        self._script = tag == "script"
        for name, value in attrs:
            comes = name in ("src", "href", "xlink:href", "action", "data") and re.match(
                r"\s*(https?:|//|javascript:|data:text/html)", value or "", re.IGNORECASE
            )
            if comes or (name.startswith("on") and "alert" in (value or "")):
                self.acting.append(f"<{tag} {name}={value}>")

    def handle_endtag(self, tag):
        self._script = self._script and tag != "script"

    def handle_data(self, data):
        if self._script and data.lstrip().startswith("alert(1)"):
            self.acting.append(f"script: {data[:40]}")


def acting(document: str) -> list[str]:
    """Return what would act in a browser that shows this HTML."""
    tags = _Tags()
    tags.feed(document)
    return tags.acting


def markup(text: str) -> list[str]:
    """Return the attacks that stand in a text as markup, unescaped."""
    return [m[0] for m in _MARKUP.finditer(text)]


def steering(text: str) -> list[str]:
    """Return the characters that would steer a terminal or turn the reading direction."""
    return sorted({hex(ord(c)) for c in _STEERS.findall(text)})


def formulas(content: bytes) -> list[str]:
    """Return the cells of a CSV that a spreadsheet would compute."""
    rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    return [c[:60] for row in rows for c in row if c[:1] in ("=", "+", "-", "@", "\t", "\r") and not _number(c)]


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def shown_texts(figure: str) -> list[str]:
    """Return the texts of a Plotly figure that are drawn: all but the data that clicks carry."""
    found: list[str] = []

    def walk(part, name=""):
        if name in ("customdata", "ids", "id", "meta", "uid"):
            return
        if isinstance(part, dict):
            for key, value in part.items():
                walk(value, key)
        elif isinstance(part, list):
            for value in part:
                walk(value, name)
        elif isinstance(part, str):
            found.append(part)

    walk(json.loads(figure))
    return found
