"""The Method page shows the docs as they are."""

import pytest

from dexposure_core.measures import MEASURES
from dexposure_core.settings import SETTINGS
from dexposure_core.stress import RULES, SCENARIOS
from dexposure_core.ui import manual


@pytest.mark.parametrize("topic", list(manual.TOPICS))
def test_every_topic_has_an_answer_and_a_body(topic):
    assert len(manual.answer(topic)) > 20
    assert len(manual.body(topic)) > 200
    assert "<!--" not in manual.body(topic)
    assert "](" not in manual.body(topic).replace("](/method?topic=", "").replace("](http", "")


def test_what_can_be_computed_is_defined_on_the_page():
    everything = "\n".join(manual.read(topic) for topic in manual.TOPICS)
    for named in (*MEASURES, *RULES, *SCENARIOS):
        assert f"`{named.name}`" in everything, named.name
    for setting in SETTINGS:
        assert setting.variable in everything


def test_an_unknown_topic():
    with pytest.raises(KeyError):
        manual.read("../README")
