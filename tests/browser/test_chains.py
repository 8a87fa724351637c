"""Chains in a real browser: chosen by hand, in the link, on every page, and a phone can read the matrices."""

from urllib.parse import parse_qs, urlsplit


def chain(visitor):
    return parse_qs(urlsplit(visitor.page.url).query).get("chain")


def test_a_choice_is_made_by_hand_kept_over_pages_and_taken_back(server, visitor):
    visitor.open(f"{server}/network")
    box = visitor.page.locator(".st-key-w-chain input")
    box.click()
    box.fill("Base")
    visitor.page.get_by_role("option", name="Base", exact=True).click()
    visitor.page.wait_for_url("**chain=Base**")
    visitor.page.keyboard.press("Escape")  # the list stays open for the next choice
    visitor.settled()
    assert "Base · not the whole system" in visitor.text
    visitor.page.locator('[data-testid="stSidebarNav"]').get_by_role("link", name="Concentration").click()
    visitor.page.wait_for_url("**/concentration**chain=Base**")
    visitor.settled()
    assert visitor.page.locator(".st-key-headline").inner_text().startswith("Base: ")
    assert visitor.page.locator(".gtitle").first.text_content().endswith("Base")
    visitor.page.locator(".st-key-w-chain").get_by_role("button", name="Clear all").click()
    visitor.page.wait_for_function("!location.search.includes('chain=')")
    visitor.settled()
    assert "not the whole system" not in visitor.text
    assert visitor.outside() == []
    assert visitor.errors == []


def test_a_link_with_chains_reproduces_the_view(server, visitor):
    visitor.open(f"{server}/overview?chain=Ethereum,Base&date=2025-06-30")
    assert chain(visitor) == ["Base,Ethereum"]
    assert "Base and Ethereum · not the whole system" in visitor.text
    told = visitor.page.locator(".st-key-headline").inner_text()
    again = visitor.page.url
    visitor.open(again)
    assert visitor.page.locator(".st-key-headline").inner_text() == told


def test_the_chains_page_fits_a_phone(server, visitor):
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    visitor.open(f"{server}/chains")
    assert visitor.page.locator(".st-key-headline").is_visible()
    wider = visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0
    assert visitor.page.locator(".st-key-chart-matrix-homes").is_visible()
