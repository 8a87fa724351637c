"""The box beside an indicator: opens and closes by click or keyboard, readable, within the screen at both widths."""

import pytest

SCREENS = ((1280, 800), (390, 844))


@pytest.mark.parametrize(("page", "key"), [("overview", "worst_loss"), ("concentration", "constant_panel")])
@pytest.mark.parametrize(("wide", "high"), SCREENS)
def test_a_box_opens_and_closes(server, visitor, page, key, wide, high):
    visitor.page.set_viewport_size({"width": wide, "height": high})
    visitor.open(f"{server}/{page}")
    sign = visitor.page.locator(f"#explain-{key} button")
    said = visitor.page.locator(f"#explain-{key} .explained")
    assert not said.is_visible()
    sign.focus()
    visitor.page.keyboard.press("Enter")
    assert said.is_visible()
    for part in ("Definition", "Formula", "Unit", "Source", "Known limits", "On the Method page"):
        assert part in said.inner_text()
    place = said.bounding_box()
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= wide
    assert visitor.violations() == []
    visitor.page.keyboard.press("Enter")
    assert not said.is_visible()
    visitor.page.keyboard.press("Enter")
    visitor.page.keyboard.press("Tab")
    assert visitor.page.evaluate("document.activeElement.textContent") == "On the Method page"
    visitor.page.keyboard.press("Escape")
    assert not said.is_visible()
    assert sign.evaluate("sign => sign === document.activeElement")
    sign.click()
    assert said.is_visible()
    visitor.page.mouse.click(wide - 5, 60)
    assert not said.is_visible()
    assert visitor.outside() == []


def test_the_box_leads_to_its_section(server, visitor):
    visitor.open(f"{server}/spillover")
    visitor.page.locator("#explain-spillover_index button").click()
    visitor.page.locator("#explain-spillover_index a").click()
    visitor.page.wait_for_url("**/method?**of=spillover_index")
    visitor.settled()
    assert "Spillover concentration (HHI)" in visitor.page.locator(".st-key-indicator").inner_text()
