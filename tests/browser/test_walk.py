"""What a person does: change the date, the basis and the protocol, send a link, take a table home."""

import contextlib
import csv
import io
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import TimeoutError as TooLate
from playwright.sync_api import expect

from dexposure_core.pipeline.evaluation.kept import keep
from tests.browser.conftest import served
from tests.evaluations import full, weights
from tests.evaluations import store as vintage


def parameters(visitor) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(visitor.page.url).query).items()}


def choose(visitor, label: str, wanted: str) -> None:
    """Type into a select box of the sidebar and take the first match, once the page shows it as chosen."""
    box = visitor.page.locator('[data-testid="stSidebar"] [data-testid="stSelectbox"]', has_text=label)
    option = visitor.page.get_by_role("option", name=wanted).first
    for _ in range(6):  # a page that draws itself anew while somebody types closes the list
        box.locator("input").click()
        box.locator("input").fill(wanted)
        with contextlib.suppress(TooLate):
            option.click(timeout=5_000)
            break
        visitor.page.keyboard.press("Escape")
    else:
        raise AssertionError(f"{label} never offered {wanted}")
    expect(option).to_be_hidden()
    visitor.page.wait_for_timeout(500)
    visitor.settled()


def test_a_week_back_and_forth(server, visitor):
    visitor.open(f"{server}/overview?date=2022-05-09")
    before = visitor.page.locator(".st-key-headline").inner_text()
    visitor.page.get_by_role("button", name="Earlier").click()
    visitor.page.wait_for_url("**date=2022-05-02**")
    visitor.settled()
    assert visitor.page.locator(".st-key-headline").inner_text() != before
    visitor.page.get_by_role("button", name="Later").click()
    visitor.page.wait_for_url("**date=2022-05-09**")
    visitor.settled()
    assert visitor.page.locator(".st-key-headline").inner_text() == before
    assert visitor.outside() == []


def test_a_date_is_chosen_from_the_real_snapshots(server, visitor):
    visitor.open(f"{server}/concentration")
    choose(visitor, "Snapshot date", "2022-11-14")
    visitor.page.wait_for_url("**date=2022-11-14**")
    visitor.settled()
    assert "2022-11-14" in visitor.page.locator(".st-key-header").inner_text()


def test_the_other_basis_shows_other_numbers(server, visitor):
    visitor.open(f"{server}/overview?date=2025-06-30")
    holdings = visitor.page.locator(".st-key-headline").inner_text()
    visitor.page.locator('[data-testid="stSidebar"]').get_by_role("radio", name="Flow").or_(
        visitor.page.locator('[data-testid="stSidebar"]').get_by_role("button", name="Flow")
    ).first.click()
    visitor.page.wait_for_url("**basis=flow**")
    visitor.settled()
    assert "flow basis" in visitor.page.locator(".st-key-header").inner_text()
    assert visitor.page.locator(".st-key-headline").inner_text() != holdings


def test_a_copied_link_shows_the_same_view_to_a_colleague(server, visitor, chrome):
    visitor.open(f"{server}/protocol?date=2025-06-30")
    choose(visitor, "Protocol", "Lido")
    visitor.page.wait_for_url("**protocol=182**")
    visitor.settled()
    mine = visitor.page.locator(".st-key-headline").inner_text()
    assert "Lido" in mine
    link = visitor.page.url
    colleague = chrome.new_context(viewport={"width": 1280, "height": 800}).new_page()
    colleague.goto(link)
    colleague.wait_for_selector(".st-key-footer", timeout=60_000)
    assert colleague.locator(".st-key-headline").inner_text() == mine
    colleague.context.close()


def test_the_view_survives_a_change_of_page(server, visitor):
    visitor.open(f"{server}/overview?date=2022-05-09&basis=holdings&protocol=182")
    visitor.page.locator('[data-testid="stSidebarNav"]').get_by_role("link", name="Protocol").click()
    visitor.page.wait_for_url("**/protocol**")
    visitor.settled()
    assert parameters(visitor) | {"date": "2022-05-09", "protocol": "182"} == parameters(visitor)


def test_a_table_goes_home_as_csv_with_its_provenance(server, visitor):
    visitor.open(f"{server}/network?date=2025-06-30")
    button = visitor.page.get_by_role("button", name="CSV").last
    button.scroll_into_view_if_needed()
    with visitor.page.expect_download(timeout=30_000) as waiting:
        button.click()
    download = waiting.value
    content = download.path().read_bytes()
    rows, provenance = unpack(download.suggested_filename, content)
    assert len(rows) > 20
    assert "SIMULATED" in provenance.upper()
    assert "2025-06-30" in provenance + download.suggested_filename
    assert visitor.outside() == []


def unpack(name: str, content: bytes) -> tuple[list[dict[str, str]], str]:
    """The rows of a download, and what it says about where they come from."""
    if name.endswith(".zip"):
        import zipfile

        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            table = next(n for n in archive.namelist() if n.endswith(".csv"))
            said = " ".join(archive.read(n).decode() for n in archive.namelist() if n != table)
            return list(csv.DictReader(io.StringIO(archive.read(table).decode("utf-8-sig")))), said
    text = content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text))), text


def test_a_part_of_the_skill_page_is_in_the_address_and_survives_a_reload(visitor, tmp_path):
    weights(tmp_path)
    keep(full(), vintage("hash of other data"), tmp_path)
    with served(model_dir=tmp_path) as running:
        visitor.open(f"{running}/skill?basis=flow")
        assert "2 of 6" in visitor.page.locator(".st-key-headline").inner_text()
        assert "measured on other data" in visitor.text
        visitor.page.get_by_text("Week by week", exact=True).click()
        visitor.page.wait_for_url("**part=weeks**")
        visitor.settled()
        visitor.page.reload()
        visitor.settled()
        assert "Better than persistence in" in visitor.text
        assert parameters(visitor)["part"] == "weeks"
        visitor.page.set_viewport_size({"width": 390, "height": 844})
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visitor.page.evaluate(wider) <= 0
        assert visitor.outside() == []
        assert visitor.errors == []


def test_the_briefing_goes_home_as_one_file(server, visitor):
    visitor.open(f"{server}/overview?date=2025-06-30")
    visitor.page.get_by_role("button", name="Briefing").click()
    visitor.page.get_by_role("button", name="Make the briefing").click()
    button = visitor.page.locator(".st-key-get-briefing-html button")
    button.wait_for(timeout=120_000)
    with visitor.page.expect_download(timeout=30_000) as waiting:
        button.click()
    made = waiting.value.path().read_text("utf-8")
    assert made.startswith("<!DOCTYPE html>")
    assert "--date 2025-06-30" in made
    assert "simulated" in waiting.value.suggested_filename
    assert visitor.outside() == []
