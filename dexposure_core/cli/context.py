"""What every command shares: the global options, the opened store, output and the progress bar."""

from __future__ import annotations

import datetime as dt
import errno
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dexposure_core.errors import BadOption, UnknownDate
from dexposure_core.progress import Progress, silent
from dexposure_core.settings import resolve_store

if TYPE_CHECKING:
    from dexposure_core.network import Basis
    from dexposure_core.store import Store

_STEERS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_WIDEST: Final = 120  # letters of a cell on screen; JSON and exports have all
Table = tuple[Sequence[str], Sequence[Sequence[str]]]


@dataclass(kw_only=True)
class Context:
    """The global options of one invocation, and whether what it read is simulated."""

    store: Path | None
    vintage: str | None
    as_json: bool
    quiet: bool
    simulated: bool = False
    chains: str | None = None  # the choice of chains, where a command offers one

    def open(self) -> Store:
        """Open the chosen store and vintage for reading."""
        from dexposure_core.store import open_store

        store = open_store(resolve_store(self.store, writing=False), self.vintage)
        self.simulated = store.manifest.simulated
        return store

    def open_lens(self, chains: Sequence[str]) -> Store:
        """Open the chosen vintage seen through the chains of `--chain`; what is shown then says so."""
        from dexposure_core.pipeline.chains.lens import chains_of, open_lens

        store = self.open()
        seen = open_lens(store, chains) if chains else store
        self.chains = chains_of(seen)
        return seen

    def writing_dir(self) -> Path:
        """Return the folder that new vintages go to."""
        return resolve_store(self.store, writing=True)

    def show(self, document: dict[str, Any], lines: Callable[[], Iterator[str]]) -> None:
        """Print the JSON document, or the lines a person reads; both say when the data are simulated."""
        if self.as_json:
            import msgspec

            told = {**document, "simulated": True} if self.simulated else document
            told = told if self.chains is None else {**told, "chains": self.chains}
            click.echo(msgspec.json.encode(told, enc_hook=str).decode())
            return
        if self.simulated:
            self.note("SIMULATED DATA: not observations of any real protocol")
        if self.chains not in (None, "default"):
            from dexposure_core.network.chains import chain_aside, chain_words

            self.note(f"CHAINS: {self.chains}; {chain_aside(chain_words(str(self.chains)))}")
        for line in lines():
            click.echo(plain(line))

    def note(self, text: str) -> None:
        """Tell a person something on standard error, unless asked to be quiet or to print JSON only."""
        if not (self.quiet or self.as_json):
            click.echo(plain(text), err=True)

    @contextmanager
    def progress(self, unit: str = "") -> Iterator[Progress]:
        """Yield a progress reporter: a bar on a terminal, nothing elsewhere."""
        if self.quiet or not sys.stderr.isatty():
            yield silent
            return
        from tqdm import tqdm

        with tqdm(unit=unit or " steps", leave=False, dynamic_ncols=True, file=sys.stderr) as bar:

            def report(done: int, total: int, label: str) -> None:
                bar.total = total or None
                bar.set_description_str(label, refresh=False)
                bar.n = done
                bar.refresh()

            yield report


class FileName(click.Path):
    """A path that the system can look at: no NUL, no name that is too long, no links in a circle."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or refuse it in one line."""
        try:
            Path(value).stat()
        except FileNotFoundError:
            pass  # to be written, or told by whoever reads it
        except (OSError, ValueError) as error:
            if not isinstance(error, OSError) or error.errno in (errno.ELOOP, errno.ENAMETOOLONG):
                self.fail(
                    f"{str(value)[:80]!r} is no usable path: {getattr(error, 'strerror', None) or error}", param, ctx
                )
        return super().convert(value, param, ctx)


FilePath: Final = FileName(path_type=Path)
FLAGS: Final = frozenset({"--json", "--quiet"})
VALUED: Final = frozenset({"--store", "--vintage"})


def hoist(argv: Sequence[str]) -> list[str]:
    """Move the global options to the front, so that they may also stand after the command's name."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in FLAGS or word.partition("=")[0] in VALUED:
            front.append(word)
            if word in VALUED:  # `--store DIR`; `--store=DIR` is one word
                front += [value for value in [next(words, None)] if value is not None]
        else:
            rest.append(word)
    return front + rest


def pick_date(store: Store, text: str | None, basis: Basis) -> dt.date:
    """Return the date asked for, or the last one of the vintage.

    Raises:
        BadOption: when the text is not a date.
        UnknownDate: when the vintage has no snapshot on it (raised by the store on reading).
    """
    if text is None:
        if not (dates := store.dates(basis)):
            raise UnknownDate(f"There is no snapshot on the {basis} basis; take the other, or other chains")
        return dates[-1]
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadOption(f"--date: '{text[:40]}' is not a date; write it like 2025-06-30") from None


def fractions(option: str, values: Sequence[str]) -> dict[str, float]:
    """Read `NAME=FRACTION` options; a fraction may be written 0.3 or 30%.

    Raises:
        BadOption: when a value has no '=' or the fraction is not a number within 0..1.
    """
    result: dict[str, float] = {}
    for text in values:
        name, equals, number = text.rpartition("=")
        try:
            fraction = float(number[:-1]) / 100 if number.endswith("%") else float(number)
        except ValueError:
            equals = ""
        if not equals or not name or not 0 <= fraction <= 1:
            raise BadOption(f"{option} '{text[:80]}': write NAME=FRACTION with a fraction from 0 to 1, like USDC=0.1")
        result[name] = fraction
    return result


def plain(text: str) -> str:
    """Return text on one line without what steers a terminal or turns the reading direction: names may hold both."""
    return _STEERS.sub(" ", text)


def _cell(text: object) -> str:
    line = plain(str(text))
    return line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…"


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a text table: first column left, the others right-aligned."""
    shown = [[_cell(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in shown) for i in range(len(header))]
    for row in shown:
        cells = [
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


basis_option = click.option(
    "--basis", type=click.Choice(["holdings", "flow"]), default="holdings", show_default=True,
    help="holdings: what is owed at the date; flow: what changed in the period.",
)  # fmt: skip
date_option = click.option("--date", metavar="YYYY-MM-DD", help="Snapshot date. Default: the last one.")
chain_option = click.option(
    "--chain", "chains", multiple=True, metavar="NAME",
    help="Only balances on this chain (repeatable); also borrowed (only those) or all (borrowed too). "
    "Default: all chains without borrowed balances.",
)  # fmt: skip
