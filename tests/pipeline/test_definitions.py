"""One text for every indicator: complete, unambiguous, and the one that docs/ show."""

from dataclasses import fields
from pathlib import Path

import pytest

from dexposure_core.errors import UnknownMeasure
from dexposure_core.measures import MEASURES
from dexposure_core.pipeline.definitions import DEFINITIONS, define
from dexposure_core.pipeline.indicators import INDICATORS

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("of", DEFINITIONS, ids=lambda d: d.key)
def test_every_part_is_there_and_the_docs_say_the_same(of):
    assert all(str(getattr(of, field.name)).strip() for field in fields(of))
    assert (DOCS / f"{of.topic}.md").exists()
    _, _, section = (DOCS / "measures.md").read_text("utf-8").partition(f"\n### {of.title}\n")
    section = section.partition("\n### ")[0].replace("\\|", "|")
    for said in (of.definition, of.formula, of.unit, of.source, of.limits):
        assert said in section


def test_every_measure_and_every_indicator_of_the_overview_is_defined_under_its_name():
    for name in (*(m.name for m in MEASURES), *(i.measure for i in INDICATORS)):
        assert define(name).key == name
    assert define("tvl_hhi").definition == next(m.help for m in MEASURES if m.name == "tvl_hhi")


def test_keys_and_titles_are_unique():
    for names in ([d.key for d in DEFINITIONS], [d.title for d in DEFINITIONS]):
        assert len(set(names)) == len(names)


def test_an_unknown_key_names_the_closest():
    with pytest.raises(UnknownMeasure, match="tvl_hhi"):
        define("tvl_hh")
