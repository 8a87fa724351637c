"""Every way the product refuses: one family, each member also the built-in a Python reader expects.

An error names the value, the place and the next step. Whatever derives from `DexposureError` is the
user's to mend (exit status 2 on the command line); anything else is our own fault (exit status 1).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Protocol, TypeVar


class DexposureError(Exception):
    """Base of every refusal; `str(error)` is the one line a user reads."""

    def __str__(self) -> str:
        """Return the message as written (KeyError would show its repr)."""
        return " ".join(str(part) for part in self.args)


class BadInput(DexposureError, ValueError):
    """A file or value from outside is not what it must be; says what, where and what to do next."""


class SourceChanged(DexposureError, ValueError):
    """A remote service answers in another shape than the known one; names protocol, field and what was found."""


class FetchFailed(DexposureError, OSError):
    """A remote service did not give what was asked for, also after waiting and trying again."""


class AccessDenied(FetchFailed, PermissionError):
    """A remote service wants a token, or refuses the one it was given."""


class BadOption(DexposureError, ValueError):
    """An option or argument has a value that does not exist or does not fit the others."""


class InvalidSnapshot(DexposureError, ValueError):
    """The arrays given to `Snapshot` do not describe a network."""


class UnknownName(DexposureError, KeyError):
    """A name was looked up that does not exist; base of the more specific ones."""


class UnknownProtocol(UnknownName):
    """No such protocol in the snapshot or vintage."""


class UnknownToken(UnknownName):
    """No such token in the vintage."""


class UnknownDate(UnknownName):
    """No snapshot on that date."""


class UnknownSector(UnknownName):
    """No such sector in the snapshot."""


class UnknownChain(UnknownName):
    """No chain of that name in the vintage."""


class UnknownMeasure(UnknownName):
    """No measure of that name."""


class UnknownRule(UnknownName):
    """No contagion rule of that name."""


class UnknownScenario(UnknownName):
    """No stress scenario of that name."""


class UnknownForecaster(UnknownName):
    """No forecaster of that name."""


class UnknownVintage(UnknownName):
    """No vintage of that id in the store."""


class NoVintage(DexposureError, FileNotFoundError):
    """The store folder holds no published vintage."""


class CorruptVintage(DexposureError, OSError):
    """A vintage's files do not match its manifest."""


class EngineMissing(DexposureError, RuntimeError):
    """What an engine runs on (pyspark, Java) is not installed."""


class NoModel(DexposureError, FileNotFoundError):
    """The model's weights are missing or were trained for something else."""


class NoEvaluation(DexposureError, FileNotFoundError):
    """No evaluation is kept beside the model's weights, or it is damaged or of other weights."""


def suggest(value: str, choices: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the choice closest to `value`, or an empty string."""
    near = difflib.get_close_matches(value.lower(), {c.lower(): c for c in choices}, n=1, cutoff=0.5)
    names = {c.lower(): c for c in choices}
    return f"; did you mean '{names[near[0]]}'?" if near else ""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)


def find(name: str, things: Iterable[_N], kind: str, missing: type[DexposureError]) -> _N:
    """Return the one of `things` of that name; without one raise `missing`, naming the closest, or all there are."""
    found = {thing.name: thing for thing in things}
    if name in found:
        return found[name]
    raise missing(f"No {kind} '{name[:80]}'{suggest(name[:80], found) or '; choose from ' + ', '.join(found)}")
