"""The network picture and the spillover matrix under a person's hand: labels, clicks, tables that follow."""

import itertools
from urllib.parse import parse_qs, urlsplit


def graph(visitor):
    """The frame the picture is drawn in, once its labels are placed."""
    visitor.page.wait_for_selector("iframe[srcdoc]")
    frame = next(f for f in visitor.page.frames if f.parent_frame and f.url.startswith("about:srcdoc"))
    frame.wait_for_function("window.dexposureLabels && window.dexposureLabels.length > 0")
    return frame


def test_labels_do_not_overlap_and_nothing_leaves_the_machine(server, visitor):
    visitor.open(f"{server}/network?date=2025-08-18")
    boxes = graph(visitor).evaluate("window.dexposureLabels")
    assert len(boxes) >= 15
    for (left, top, right, bottom), other in itertools.combinations(boxes, 2):
        assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    assert visitor.outside() == []
    assert visitor.errors == []


def test_a_click_shows_who_it_is_and_a_legend_entry_its_sector(server, visitor):
    visitor.open(f"{server}/network?date=2025-08-18")
    frame = graph(visitor)
    assert frame.locator("#facts").is_hidden()
    at = frame.evaluate("network.canvasToDOM(network.getPositions([0])[0])")
    frame.locator("#mynetwork canvas").click(position={"x": at["x"], "y": at["y"]})
    name = frame.evaluate("nodes.get(0).label")
    frame.locator("#facts").wait_for()
    assert name in frame.locator("#facts").inner_text()
    assert "TVL USD" in frame.locator("#facts").inner_text() or "Issues tokens" in frame.locator("#facts").inner_text()
    frame.locator("#legend button").first.click()
    assert frame.locator("#legend button").first.get_attribute("aria-pressed") == "true"
    assert frame.locator("#facts").is_hidden()


def test_the_page_stays_where_it_is_when_the_pointer_enters(server, visitor):
    visitor.page.set_viewport_size({"width": 1280, "height": 600})  # the picture's lower end is out of sight
    visitor.open(f"{server}/network?date=2025-08-18")
    graph(visitor)
    picture = visitor.page.locator("iframe[srcdoc]")
    before = picture.bounding_box()
    visitor.page.mouse.move(before["x"] + 300, before["y"] + 100)
    visitor.page.wait_for_timeout(500)
    assert picture.bounding_box() == before


def test_a_protocol_is_found_by_name_in_the_picture(server, visitor):
    visitor.open(f"{server}/network?date=2025-08-18")
    frame = graph(visitor)
    bright = "nodes.get().filter(n => n.opacity === undefined || n.opacity === 1).length"
    everyone = frame.evaluate(bright)
    frame.locator("#find").fill("bi")
    assert 1 < frame.evaluate(bright) < everyone
    assert "Enter takes the largest" in frame.locator("#found").inner_text()
    assert frame.locator("#facts").is_hidden()
    frame.locator("#find").fill("lido")
    frame.locator("#find").press("Enter")
    assert frame.locator("#facts b").inner_text() == "Lido"
    assert 1 < frame.evaluate(bright) < everyone
    frame.locator("#find").fill("no such protocol")
    assert frame.locator("#found").inner_text() == "not among those shown"
    frame.locator("#find").press("Escape")
    assert frame.evaluate(bright) == everyone
    assert frame.locator("#find").input_value() == ""
    assert visitor.errors == []


def test_a_clicked_cell_is_told_listed_and_in_the_address(server, visitor):
    visitor.open(f"{server}/spillover?date=2025-08-18")
    before = parse_qs(urlsplit(visitor.page.url).query)
    area = visitor.page.locator(".st-key-chart-matrix .nsewdrag").bounding_box()
    rows = visitor.page.locator(".st-key-chart-matrix .ytick").count()
    step = area["height"] / rows
    visitor.page.mouse.click(area["x"] + 0.5 * area["width"] / rows, area["y"] + 2.5 * step)
    visitor.page.wait_for_function("address => location.href !== address", arg=visitor.page.url)
    visitor.settled()
    after = parse_qs(urlsplit(visitor.page.url).query)
    assert (after["from"], after["to"]) != (before["from"], before["to"])
    assert f"{after['from'][0]} → {after['to'][0]}" in visitor.text


def test_the_contagion_plays_round_by_round(server, visitor):
    visitor.open(f"{server}/contagion?date=2025-08-18&shock=event&replay=ftx")
    frame = graph(visitor)
    shown = "nodes.get().filter(n => !n.hidden).length"
    everyone = frame.evaluate("nodes.length")
    assert frame.evaluate(shown) == everyone
    frame.locator("#step").fill("0")
    struck = frame.evaluate(shown)
    assert 0 < struck < everyone
    assert frame.locator("#told").inner_text().startswith("The shock:")
    frame.locator("#play").click()
    frame.wait_for_function(f"{shown} > {struck}")
    assert frame.locator("#play").get_attribute("aria-label") == "Stop"
    frame.locator("#play").click()
    assert frame.locator("#play").get_attribute("aria-label") == "Play the rounds"
    boxes = frame.evaluate("window.dexposureLabels")
    for (left, top, right, bottom), other in itertools.combinations(boxes, 2):
        assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    assert visitor.errors == []
