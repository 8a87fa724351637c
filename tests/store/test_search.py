"""Finding a protocol by what a person types, however hostile."""

import pytest

from dexposure_core.store import Store


def found(store: Store, text: str, **options: int) -> list[str]:
    return store.search(text, **options)["protocol"].to_list()


def test_names_ids_and_symbols_find_a_protocol(store: Store) -> None:
    assert found(store, "lender") == ["1"]
    assert found(store, "USDX") == ["2"]  # the issuer
    assert found(store, "3") == ["3"]
    assert store.search("farm").row(0) == ("3", "Farm", "DeFi")


def test_the_start_of_a_name_comes_before_a_symbol_and_the_middle(store: Store) -> None:
    assert found(store, "le") == ["1"]
    assert found(store, "m") == ["2", "3"]  # Mint starts with it, Farm ends with it
    assert found(store, "m", limit=1) == ["2"]


def test_wildcards_are_letters(store: Store) -> None:
    assert found(store, "%") == ["2"]  # only 'Mint 100%_real' holds one
    assert found(store, "_") == ["2"]
    assert found(store, "%_real") == ["2"]
    assert found(store, "L%r") == []


@pytest.mark.parametrize(
    "text",
    ["", " ", "'; DROP TABLE protocols; --", "\x00", "\ud800", "\\", '"', "$text", "𝕏" * 1000, "a" * 1_000_000, "<b>"],
)
def test_hostile_text_finds_nothing_and_breaks_nothing(store: Store, text: str) -> None:
    assert found(store, text) == []
    assert found(store, "lender") == ["1"]
