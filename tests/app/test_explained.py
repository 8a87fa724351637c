"""Beside every headline number: definition, formula, unit, source and known limits, one click away."""

import re

import pytest

from dexposure_core.ui.explain import box
from tests.app.reading import errors, everything

CONCENTRATION = {"tvl_hhi", "constant_panel", "change_parts"}
# What each page's answer and first pictures tell of.
SHOWN = [
    ("overview", {}, {"system_tvl_usd", "tvl_hhi", "debtor_hhi", "cross_sector_ratio", "worst_loss"}),
    ("concentration", {}, CONCENTRATION | {"exposure_hhi", "debtor_hhi"}),
    ("concentration", {"kind": "top10"}, CONCENTRATION | {"tvl_top10_share", "exposure_top10_share"}),
    ("concentration", {"kind": "gini"}, CONCENTRATION | {"tvl_gini", "exposure_gini"}),
    ("spillover", {}, {"cross_sector_ratio", "cross_sector_usd", "spillover_index", "sector_exposure"}),
    ("network", {}, {"exposure", "exposure_count", "total_exposure_usd", "exposure_top10_share"}),
    ("protocol", {"protocol": "1"}, {"protocol_tvl", "exposure", "failure_loss", "sis", "default_loss"}),
    ("protocol", {}, {"sis", "default_loss"}),
    ("contagion", {}, {"stress_loss", "system_tvl_usd"}),
    ("forecast", {"forecaster": "persistence"}, {"expected", "pair_probability", "default_loss"}),
    ("alerts", {}, {"early_warning", "false_alarms"}),
    ("chains", {}, {"chain_hhi", "chain_crossing", "chain_ties", "bridge_loss"}),
    ("events", {}, {"system_tvl_usd", "tvl_hhi", "debtor_hhi", "cross_sector_ratio", "worst_loss", "constant_panel"}),
]  # fmt: skip
PARTS = ["Definition", "Formula", "Unit", "Source", "Known limits"]


def boxes(written: str) -> dict[str, str]:
    return dict(re.findall(r'<div class="explain" id="explain-([a-z0-9_]+)">(.*?)</div></div>', written, re.DOTALL))


@pytest.mark.parametrize(("page", "asked", "keys"), SHOWN, ids=lambda x: x if isinstance(x, str) else None)
def test_every_headline_indicator_has_its_box(visit, simulated, page, asked, keys):
    shown = visit(simulated, page, **asked)
    assert errors(shown) == []
    found = boxes(everything(shown))
    assert keys <= set(found)
    for key, said in found.items():
        parts = re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", said)
        assert [name for name, _ in parts] == PARTS, key
        assert all(text.strip() for _, text in parts), key
        assert re.search(rf'href="/method\?[^"]*topic=measures&amp;of={key}"', said), key


def test_the_link_leads_to_the_indicator_on_the_method_page(visit, simulated):
    page = visit(simulated, "method", topic="measures", of="worst_loss")
    assert errors(page) == []
    assert [s.value for s in page.subheader] == ["Worst standard stress loss"]
    assert "The worst of six set tests" in everything(page)
    assert "is not offered" in everything(visit(simulated, "method", topic="measures", of="<script>"))


def test_formulas_are_set_with_indices_and_nothing_comes_to_life():
    from dataclasses import replace

    from dexposure_core.pipeline.definitions import define

    class Link:
        def link(self, page, **changes):
            return "/method?of=x"

    hhi = define("tvl_hhi")
    assert "Σ<sub>p</sub> s<sub>p</sub>², s<sub>p</sub> = TVL<sub>p</sub>" in box(hhi, Link())
    assert "Σ<sub>a ≠ b</sub>" in box(define("spillover_index"), Link())
    assert "<script" not in box(replace(hhi, formula="<script>", limits="<script>"), Link())
