"""A person's word on who issues a token: wins over every method, also over what the input itself says.

An override is (token, issuer, note). The issuer is a protocol's id; the token itself (it is its own issuer); or
nothing: nobody issues it, its holdings make no exposure and are counted as dropped. The rows and a fingerprint of them
go into the manifest (`parameters.overrides`), so that a vintage can be made again from what it says about itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import polars as pl

from dexposure_core.errors import BadInput, suggest
from dexposure_core.network.families import families
from dexposure_core.network.issuers import curated
from dexposure_core.network.period import finding, findings_frame

METHOD: Final = "override"
OVERRIDES: Final = pl.Schema({"token": pl.String, "issuer": pl.String, "note": pl.String})


def no_overrides() -> pl.DataFrame:
    """Return a table of overrides without rows."""
    return pl.DataFrame(schema=OVERRIDES)


def apply_overrides(tokens: pl.DataFrame, overrides: pl.DataFrame | None) -> pl.DataFrame:
    """Return the tokens with overridden issuers: method 'override', score 1, the answer replaced as an alternative.

    Args:
        tokens: token, issuer, method, score and optionally alternatives; other columns are kept.
        overrides: token, issuer (null: nobody); None or empty changes nothing. Tokens that do not occur are ignored
            here and reported by `unused`.
    """
    if overrides is None or overrides.is_empty():
        return tokens
    told = overrides.select("token", told="issuer", is_told=pl.lit(value=True))
    table = tokens.join(told, on="token", how="left", maintain_order="left")
    hit = pl.col("is_told").is_not_null()
    changes = {
        "issuer": pl.when(hit).then("told").otherwise("issuer"),
        "method": pl.when(hit).then(pl.lit(METHOD)).otherwise("method"),
        "score": pl.when(hit).then(1.0).otherwise("score"),
    }
    if "alternatives" in tokens.columns:
        before = pl.when(hit & pl.col("issuer").ne_missing(pl.col("told")) & (pl.col("method") != METHOD)).then(
            pl.concat_str("issuer", pl.lit(" ("), "method", pl.lit(")"))
        )
        others = pl.when(pl.col("alternatives") != "").then("alternatives")
        changes["alternatives"] = pl.concat_str(before, others, separator=";", ignore_nulls=True)
    return table.with_columns(**changes).select(tokens.columns)


def require_issuers(overrides: pl.DataFrame, protocols: pl.DataFrame, tokens: pl.DataFrame, place: str) -> None:
    """Refuse an override to a protocol that does not exist.

    Args:
        overrides: token, issuer, note.
        protocols: protocol, name: those of the input or vintage.
        tokens: token, issuer: an issuer of any token will do.
        place: what to call the file in the message.

    Raises:
        BadInput: naming the first token and the nearest choices.
    """
    ids = _known(protocols, tokens)
    for token, issuer in _strange(overrides, ids):
        hint = _nearest(issuer, protocols, ids)
        raise BadInput(f"{place}: token '{token}': there is no protocol '{issuer[:80]}'{hint}")


def unlisted(overrides: pl.DataFrame, protocols: pl.DataFrame, tokens: pl.DataFrame | None) -> pl.DataFrame:
    """Return a finding about issuers that the metadata do not list, where the metadata are known to be incomplete.

    Args:
        overrides: token, issuer, note.
        protocols: protocol: those the metadata list; none are missed when it lists none.
        tokens: token, issuer of the mapping files, or None.
    """
    ids = _known(protocols, curated() if tokens is None else tokens)
    strange = _strange(overrides, ids) if protocols.height else []
    if not strange:
        return findings_frame([])
    place = ", ".join(f"{token} to {issuer}" for token, issuer in strange[:3])
    name, action = "override to a protocol that is not listed", "applied: a protocol of that id"
    return findings_frame([finding("warning", name, place=place, rows=len(strange), action=action)])


def _known(protocols: pl.DataFrame, tokens: pl.DataFrame) -> set[str]:
    issuers = [table["issuer"].drop_nulls() for table in (curated(), families(), tokens)]
    return {*protocols["protocol"], *(issuer for column in issuers for issuer in column)}


def _strange(overrides: pl.DataFrame, ids: set[str]) -> list[tuple[str, str]]:
    """Return token, issuer of overrides to what is neither a known id nor the token itself nor nobody."""
    rows = overrides.select("token", "issuer").iter_rows()
    return [(token, issuer) for token, issuer in rows if issuer not in (None, token) and issuer not in ids]


def _nearest(issuer: str, protocols: pl.DataFrame, ids: set[str]) -> str:
    """Return what the person may have meant: the protocol of that name, else the nearest id or name."""
    same = protocols.filter(pl.col("name").str.to_lowercase() == issuer.lower())["protocol"].to_list()
    if same:
        return f"; write its id '{same[0]}'"
    ids_of = dict(zip(protocols["name"], protocols["protocol"], strict=True))
    hint = suggest(issuer, [*ids, *ids_of])
    named = next((f" (id '{i}')" for name, i in ids_of.items() if f"'{name}'" in hint and name != i), "")
    return (hint[:-1] + named + "?") if hint else "; write a protocol's id, the token itself, or nothing for no issuer"


def unused(tokens: pl.DataFrame, overrides: pl.DataFrame | None) -> pl.DataFrame:
    """Return a finding about overrides for tokens that do not occur (columns of the findings table, without date)."""
    if overrides is None:
        return findings_frame([])
    idle = overrides.join(tokens, on="token", how="anti")["token"].to_list()
    if not idle:
        return findings_frame([])
    place = ", ".join(idle[:3]) + (f" and {len(idle) - 3} more" if len(idle) > 3 else "")
    row = finding("warning", "override of a token that does not occur", place=place, rows=len(idle), action="ignored")
    return findings_frame([row])


def merged(before: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Return both sets of overrides, the new one winning, sorted by token."""
    return pl.concat([before, new]).unique("token", keep="last").sort("token")


def record(overrides: pl.DataFrame) -> dict[str, Any]:
    """Return what the manifest keeps: the rows [token, issuer, note] by token, and the sha256 of their JSON."""
    rows = [list(row) for row in overrides.select(list(OVERRIDES)).sort("token").iter_rows()]
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    return {"rows": rows, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def recorded(parameters: Mapping[str, Any]) -> pl.DataFrame:
    """Return the overrides that a manifest's parameters keep; none when it has none."""
    rows: Iterable[Iterable[str | None]] = parameters.get("overrides", {}).get("rows", [])
    return pl.DataFrame([tuple(row) for row in rows], schema=OVERRIDES, orient="row")
