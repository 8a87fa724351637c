"""The override file: what it may say and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dexposure_core.errors import BadInput
from dexposure_core.sources.overrides import read_overrides
from dexposure_core.sources.published_map import read_map


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, "utf-8")
    return path


def test_rows_without_issuer_mean_nobody_and_notes_are_kept(tmp_path: Path) -> None:
    receipt, rows = read_overrides(written(tmp_path, "token,issuer,note\nAAVE,1599,largest\nFOO,,gone\n"))
    assert rows.rows() == [("AAVE", "1599", "largest"), ("FOO", None, "gone")]
    assert (receipt.name, len(receipt.sha256)) == ("mine.csv", 64)


def test_note_and_decided_may_be_missing(tmp_path: Path) -> None:
    assert read_overrides(written(tmp_path, "symbol,issuer\nAAVE,1599\n"))[1].rows() == [("AAVE", "1599", "")]


def test_with_a_column_decided_only_rows_marked_yes_count(tmp_path: Path) -> None:
    text = "token,issuer,note,decided,reason\nA,1,,yes,x\nB,2,,,x\nC,3,,no,x\nD,,,Y,x\nA,9,,,x\n"
    assert read_overrides(written(tmp_path, text))[1].rows() == [("A", "1", ""), ("D", None, "")]


def test_a_symbol_quoted_against_formulas_is_read_as_it_was(tmp_path: Path) -> None:
    text = "token,issuer\n'=SUM(1),'+x\n'plain,7\n"
    assert read_overrides(written(tmp_path, text))[1].rows() == [("=SUM(1)", "+x", ""), ("'plain", "7", "")]


UNDECIDED = "decides no token; write yes in the column decided of the rows that should count"
EMPTY_CELL = "leave the cell empty for no issuer"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("token,issuer\nA,nan\n", f"line 2, column issuer: 'nan' is a missing value written as text; {EMPTY_CELL}"),
        ("token,issuer\nnan,7\n", "line 2, column token: is missing; fill it in or remove the row"),
        ("token,issuer\n,7\n", "line 2, column token: is missing; fill it in or remove the row"),
        ("token,issuer\nA,7\nB,7\nA,8\n", "lines 2 and 4: decide 'A' twice; keep one of them"),
        ("token,issuer\nA,LP\n", f"line 2, column issuer: 'LP' is a bucket, not an issuer; {EMPTY_CELL}"),
        (
            "token,issuer,decided\nA,7,maybe\n",
            "line 2, column decided: 'maybe' is neither yes nor no; write yes or nothing",
        ),
        ("token,issuer,decided\nA,7,\n", UNDECIDED),
        ("token,issuer\n", UNDECIDED),
        ("", "byte 0: the file is empty; download or export it again"),
    ],
)
def test_refusals_name_place_value_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read_overrides(written(tmp_path, text))
    assert str(refusal.value) == f"mine.csv: {message}"


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no column 'issuer', found 'token', 'owner'"):
        read_overrides(written(tmp_path, "token,owner\nA,7\n"))


def test_the_released_map_is_read_with_its_defects(tmp_path: Path) -> None:
    (tmp_path / "token_to_protocol.json").write_text(
        '{"MAP": {"AAVE": {"id": 2, "frequency": 5}}, "LP": {"AAVE": {"id": "LP", "frequency": 1}}}'
    )
    (tmp_path / "rev_map.json").write_text('{"nan": "2", "AAVE": 2}')
    (tmp_path / "id_to_info.json").write_text('{"1": {"name": "Big"}, "2": {"name": "Small", "category": "Dexs"}}')
    found = read_map(tmp_path)
    assert found.tokens.rows() == [("AAVE", "MAP", "2", 5)]  # the row with the larger frequency
    assert found.symbols.rows() == [("nan", "2"), ("AAVE", "2")]
    assert found.protocols.rows() == [("1", "Big", "Unknown", 0), ("2", "Small", "Dexs", 1)]


@pytest.mark.parametrize("name", ["token_to_protocol.json", "rev_map.json", "id_to_info.json"])
def test_a_broken_released_map_is_refused(tmp_path: Path, name: str) -> None:
    for file in ("token_to_protocol.json", "rev_map.json", "id_to_info.json"):
        (tmp_path / file).write_text("{}" if file != name else "[1]")
    with pytest.raises(BadInput, match=f"{name}: .*take the file of the published mapping folder"):
        read_map(tmp_path)
    with pytest.raises(BadInput, match="is not a folder"):
        read_map(tmp_path / name)
