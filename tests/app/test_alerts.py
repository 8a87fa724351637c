"""The Alerts page: what it says, what is acknowledged in a session, thresholds in the address, hostile words."""

import datetime as dt

import pytest

from dexposure_core.pipeline.alerts.acks import Ack
from dexposure_core.pipeline.alerts.rules import Rule
from tests.app.conftest import EVIL, LAST
from tests.app.reading import answer, errors, everything, notes

BANK = "tvl_usd@1>1"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEXPOSURE_CACHE_DIR", str(tmp_path / "cache"))


def buttons(page, start):
    return [b for b in page.button if str(b.key).startswith(start)]


def test_a_threshold_of_the_address_is_watched_here_and_on_the_overview(visit, simulated):
    page = visit(simulated, "alerts", limits=BANK)
    assert errors(page) == []
    said = everything(page).replace("\\", "")
    assert "Alpha Bank: TVL is USD " in said
    assert "above USD 1.00 (since 2025-04-07, 20 snapshots)" in said
    assert page.query_params["limits"] == BANK
    page.switch_page("pages/overview.py").run()
    assert errors(page) == []
    assert "Alpha Bank: TVL is USD " in everything(page).replace("\\", "")
    assert page.query_params["limits"] == BANK


def test_what_is_acknowledged_leaves_both_lists_and_comes_back(visit, simulated):
    page = visit(simulated, "alerts", limits=BANK)
    before = len(buttons(page, "ack-"))
    (card,) = [b for b in buttons(page, "ack-") if _words(page, b).startswith("Alpha Bank")]
    identity = card.key.removeprefix("ack-")
    card.click().run()
    assert errors(page) == []
    assert len(buttons(page, "ack-")) == before - 1
    assert "1 alert acknowledged" in answer(page)
    page.switch_page("pages/overview.py").run()
    assert "Alpha Bank: TVL is USD " not in everything(page).replace("\\", "")
    page.switch_page("pages/alerts.py").run()
    page.button(key=f"unack-{identity}").click().run()
    assert len(buttons(page, "ack-")) == before


def _words(page, button):
    """The words of the card that a button stands in."""
    identity = button.key.removeprefix("ack-")
    card = next(b for b in _blocks(page.main) if str(getattr(b.proto, "id", "")).endswith(f"alert-{identity}"))
    return next(iter(card.children.values())).value.split("] ", 1)[1].replace("\\", "")


def _blocks(node):
    for child in getattr(node, "children", {}).values():
        yield child
        yield from _blocks(child)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("<script>alert(1)</script>", "is no rule"), ("tvl_hi>1", "no indicator 'tvl_hi'"),
        ("tvl_hhi>" + "9" * 100_000, "characters"),
        ("tvl_hhi>0.1;;x", "is no rule"), ("exposure@1>5", "one end of the exposure"),
    ],
)  # fmt: skip
def test_bad_thresholds_are_told_and_dropped(visit, simulated, asked, said):
    page = visit(simulated, "alerts", limits=asked)
    assert errors(page) == []
    assert said in notes(page).replace("\\", "")
    assert len(notes(page)) < 700
    assert "limits" not in page.query_params
    assert "<script>" not in everything(page).replace("\\<script", "")


def test_a_threshold_on_nobody_is_named(visit, simulated):
    page = visit(simulated, "alerts", limits="tvl_usd@nobody>1")
    assert errors(page) == []
    assert "Not watched: tvl_usd@nobody>1: No protocol 'nobody'" in everything(page).replace("\\", "")


def test_a_bad_choice_of_rule_is_told(visit, simulated):
    page = visit(simulated, "alerts", watch="'; DROP TABLE nodes; --")
    assert errors(page) == []
    assert "is not offered" in notes(page)


def test_a_hostile_name_stays_text(visit, simulated):
    rule = Rule(protocol="6", of="tvl_usd", above=1.0)
    pair = Rule(creditor="6", debtor="2", above=1.0)
    page = visit(simulated, "alerts", limits=f"{rule.line};{pair.line}", watch=rule.line)
    assert errors(page) == []
    assert "<img src=x" not in everything(page).replace("\\<img", "")
    assert EVIL[:40] not in everything(page)
    charts = [chart.proto.spec for chart in page.get("plotly_chart")]
    assert charts
    assert all("<img" not in chart.lower() and "\\u003cimg" not in chart for chart in charts)


def test_a_threshold_is_made_by_hand_and_taken_out(visit, simulated):
    page = visit(simulated, "alerts")
    page.selectbox(key="limit-indicator").set_value("tvl_hhi").run()
    page.text_input(key="limit-value").set_value("0,1").run()
    page.button(key="limit-add").click().run()
    assert "No threshold was added" in everything(page)
    assert "limits" not in page.query_params
    page.text_input(key="limit-value").set_value("0.01").run()
    page.button(key="limit-add").click().run()
    assert errors(page) == []
    assert page.query_params["limits"] == "tvl_hhi>0.01"
    assert "above 0.01" in everything(page).replace("\\", "")
    page.button(key="drop-tvl_hhi>0.01").click().run()
    assert "limits" not in page.query_params


def test_on_an_early_date_nothing_is_known_of_later_ones(visit, simulated):
    page = visit(simulated, "alerts", limits="tvl_usd@5>1", date=str(LAST - dt.timedelta(weeks=19)))
    assert errors(page) == []
    assert "Epsilon" not in answer(page)


def test_an_uploaded_file_counts_and_a_bad_one_is_refused(visit, simulated):
    page = visit(simulated, "alerts", limits=BANK)
    first = buttons(page, "ack-")[0].key.removeprefix("ack-")
    page.session_state["_acknowledged"] = {first: Ack(at="2025-08-18", note="*seen* <b>")}
    page.run()
    assert errors(page) == []
    assert "\\*seen\\*" in everything(page)
    assert f"ack-{first}" not in [b.key for b in page.button]


def given(page, content: bytes, name: str = "mine.toml"):
    uploader = next(u for u in page.get("file_uploader") if "put-rules" in str(u.proto.id))
    uploader.upload(name, content, "application/toml").run()


def test_a_file_of_rules_takes_the_place_of_the_shipped_ones_in_this_session(visit, simulated):
    page = visit(simulated, "alerts")
    text = b'[[rule]]\nprotocol = "1"\nabove = 1\nseverity = "alarm"\n'
    given(page, text, "mine<b>.toml")
    assert errors(page) == []
    said = everything(page).replace("\\", "")
    assert "in place of the shipped ones" in said
    assert "1 alarm" in answer(page)
    assert "Alpha Bank: TVL is USD " in answer(page).replace("\\", "")
    page.switch_page("pages/overview.py").run()
    assert "Alpha Bank: TVL is USD " in everything(page).replace("\\", "")
    page.switch_page("pages/alerts.py").run()
    page.button(key="rules-leave").click().run()
    assert "Alpha Bank: TVL is USD " not in everything(page).replace("\\", "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "not UTF-8 text"), (b"[[rule]", "not TOML"), (b"x = " + b"[" * 5000, "not TOML"),
        (b"[[rule]]\nindicator = 'tvl_hhi'\nabov = 1", "rule 1: no such entry 'abov'"),
    ],
)  # fmt: skip
def test_a_hostile_file_of_rules_changes_nothing(visit, simulated, content, said):
    page = visit(simulated, "alerts")
    before = answer(page)
    given(page, content)
    assert said in everything(page).replace("\\", "")
    assert answer(page) == before
