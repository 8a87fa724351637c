"""A choice of chains: read leniently, written one way, applied to rows."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexposure_core.errors import UnknownChain
from dexposure_core.network.chains import chain_choice, chain_kept, chain_words

KNOWN = ["Ethereum", "Base", "Ethereum-borrowed", "borrowed", "staking", ""]
ROWS = pl.DataFrame({"chain": KNOWN})


def kept(chains):
    return set(ROWS.filter(chain_kept(chains))["chain"])


@pytest.mark.parametrize(
    ("asked", "choice", "rows"),
    [
        ([], "default", {"Ethereum", "Base", "staking", ""}),
        (["default"], "default", {"Ethereum", "Base", "staking", ""}),
        (["ALL"], "all", set(KNOWN)),
        (["borrowed"], "borrowed", {"Ethereum-borrowed", "borrowed"}),  # the word, not only the chain of that name
        (["ethereum"], "Ethereum", {"Ethereum"}),
        (["ethereum", "base"], "Base,Ethereum", {"Base", "Ethereum"}),
        (["Ethereum,Base", "Base"], "Base,Ethereum", {"Base", "Ethereum"}),
        (["Ethereum", "borrowed"], "borrowed,Ethereum", {"Ethereum", "Ethereum-borrowed", "borrowed"}),
        (["default", "Ethereum"], "default", {"Ethereum", "Base", "staking", ""}),  # it is among them
        (["default", "Ethereum-borrowed"], "default,Ethereum-borrowed", set(KNOWN) - {"borrowed"}),
        (["default", "borrowed"], "all", set(KNOWN)),
        (["not stated"], "not stated", {""}),
    ],
)
def test_what_is_asked_becomes_one_text_that_keeps_these_rows(asked, choice, rows):
    assert chain_choice(asked, KNOWN) == choice
    assert kept(choice) == rows


def test_an_unknown_chain_names_the_nearest():
    with pytest.raises(UnknownChain, match=r"No chain 'Etherium' in these data; did you mean 'Ethereum'\?"):
        chain_choice(["Etherium"], KNOWN)
    with pytest.raises(UnknownChain, match="`dexposure chains` lists them"):
        chain_choice(["zzzzzzzz"], KNOWN)


@given(st.lists(st.sampled_from([*filter(None, KNOWN), "not stated", "default", "all"]), max_size=6))
def test_a_choice_read_again_is_itself(asked):
    choice = chain_choice(asked, KNOWN)
    assert chain_choice([choice], KNOWN) == choice


@given(st.lists(st.sampled_from([*filter(None, KNOWN), "not stated", "default", "all"]), min_size=1, max_size=6))
def test_a_choice_keeps_what_its_parts_keep(asked):
    assert kept(chain_choice(asked, KNOWN)) == set().union(*(kept(part) for part in asked))


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("default", "all chains"),
        ("all", "with borrowed balances"),
        ("borrowed", "borrowed balances only"),
        ("Base,Ethereum", "Base and Ethereum"),
        ("borrowed,Ethereum", "borrowed balances and Ethereum"),
        ("A,B,C,D,E", "A, B and 3 more chains"),
    ],
)
def test_a_choice_in_words(choice, words):
    assert chain_words(choice) == words
