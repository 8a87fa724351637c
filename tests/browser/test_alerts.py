"""Alerts and event studies in a real browser: acknowledged by hand, handed on as a file, read again, on a phone."""

import json


def test_an_alert_is_acknowledged_kept_as_a_file_and_read_again(server, visitor, tmp_path):
    visitor.open(f"{server}/alerts?date=2022-05-16&limits=tvl_usd@3<1e12")
    card = visitor.page.locator('[class*="st-key-alert-"]').filter(has_text="Curve DEX: TVL is").first
    card.get_by_role("button", name="Acknowledge").click()
    visitor.page.get_by_text("Acknowledged: 1").wait_for()
    visitor.settled()
    assert "1 alert acknowledged" in visitor.text
    with visitor.page.expect_download() as taken:
        visitor.page.locator(".st-key-get-acks button").click()
    file = tmp_path / taken.value.suggested_filename
    taken.value.save_as(file)
    (ack,) = json.loads(file.read_text())["acknowledged"].values()
    assert ack["words"].startswith("Curve DEX: TVL is")
    with visitor.page.expect_download() as taken:
        visitor.page.locator(".st-key-get-json-alerts-feed button").click()
    feed = json.loads(taken.value.path().read_text())
    assert [row["acknowledged"] for row in feed["alerts"]].count(True) == 1
    assert "SIMULATED DATA" in feed["provenance"]
    visitor.open(visitor.page.url)  # another session: nothing is acknowledged
    assert "alert acknowledged" not in visitor.text
    visitor.page.get_by_role("region", name="Read a file of acknowledgements").locator("input").set_input_files(file)
    visitor.page.get_by_text("Acknowledged: 1").wait_for()
    visitor.settled()
    file.write_text("<script>")
    visitor.page.get_by_role("region", name="Read a file of acknowledgements").locator("input").set_input_files(file)
    visitor.page.get_by_text("The file was not read.").wait_for()
    assert "1 alert acknowledged" in visitor.settled().text
    assert visitor.outside() == []
    assert visitor.errors == []


def test_both_pages_fit_a_phone(server, visitor):
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    for address in ("alerts?limits=exposure@111,182>1e6", "events?study=2022-05-09&upto=12"):
        visitor.open(f"{server}/{address}")
        assert visitor.page.locator(".st-key-headline").is_visible()
        wider = visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0
