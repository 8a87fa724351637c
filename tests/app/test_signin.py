"""Sign-in: nothing changes without it; with it, who has not signed in sees the sign-in page and nothing else."""

import json
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.runtime.secrets import Secrets
from streamlit.testing.v1 import AppTest

from dexposure_core.ui.navigation import PAGES
from dexposure_core.ui.running import signin
from tests.app.conftest import ROOT
from tests.app.reading import errors, everything

AUTH = {
    "redirect_uri": "https://dashboard.example/oauth2callback", "cookie_secret": "c" * 32, "client_id": "monitor",
    "client_secret": "s3cr3t-of-the-client", "server_metadata_url": "https://id.example/.well-known/openid-configuration",
}  # fmt: skip
KEYS = [page.key for page in PAGES]


@pytest.fixture
def come(simulated, monkeypatch):
    def go(page: str, user: dict[str, object], secrets: dict[str, object] | None = None, **parameters: str) -> AppTest:
        monkeypatch.setenv("DEXPOSURE_STORE", str(simulated))
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.switch_page(f"pages/{page}.py")
        app.secrets = {"auth": AUTH} if secrets is None else secrets
        app.user = user
        for name, value in parameters.items():
            app.query_params[name] = value
        return app.run()

    return go


@pytest.mark.parametrize(
    "user", [{}, {"is_logged_in": False}, {"is_logged_in": "yes", "email": "a@b.example"}, {"email": "a@b.example"}]
)
def test_an_anonymous_visitor_sees_the_sign_in_page_and_nothing_else(come, user):
    page = come("overview", user, vintage="x", protocol="1")
    assert errors(page) == []
    assert [title.value for title in page.title] == ["Sign in"]
    assert [button.label for button in page.button] == ["Sign in"]
    assert "Alpha Bank" not in everything(page)
    assert [*page.selectbox, *page.sidebar.children, *page.get("plotly_chart"), *page.dataframe] == []


@pytest.mark.parametrize("key", KEYS)
def test_no_page_shows_anything_to_an_anonymous_visitor(come, key):
    page = come(key, {"is_logged_in": False})
    assert errors(page) == []
    assert [title.value for title in page.title] == ["Sign in"]
    assert len(everything(page)) - len(everything(page).replace("organisation", "")) == len("organisation")
    assert [button.label for button in page.button] == ["Sign in"]


def test_who_has_signed_in_sees_the_page_and_the_way_out(come):
    page = come("overview", {"is_logged_in": True, "email": "<b>anna</b>@bank.example"})
    assert errors(page) == []
    assert "SIMULATED DATA" in everything(page)
    assert "Sign out" in [button.label for button in page.sidebar.button]
    assert not any("<b>" in caption.value.replace("\\<", "") for caption in page.sidebar.caption)


@pytest.mark.parametrize("user", [{}, {"email": "test@example.com"}, {"is_logged_in": False}])
def test_without_configuration_nothing_is_asked(come, user):
    page = come("overview", user, secrets={"other": {"key": "value"}})
    assert "SIMULATED DATA" in everything(page)
    assert not {"Sign in", "Sign out"} & {button.label for button in [*page.button, *page.sidebar.button]}


def test_without_any_secrets_nothing_is_asked(visit, simulated):
    page = visit(simulated, "overview")
    assert "SIMULATED DATA" in everything(page)
    assert not {"Sign in", "Sign out"} & {button.label for button in [*page.button, *page.sidebar.button]}


def test_secrets_that_cannot_be_read_close_the_dashboard(visit, simulated, monkeypatch, tmp_path):
    (tmp_path / "secrets.toml").write_text('[auth\nclient_secret = "s3cr3t-of-the-client"\n')
    broken = Secrets()
    monkeypatch.setattr("streamlit.config.get_option", _paths([str(tmp_path / "secrets.toml")]))
    monkeypatch.setattr(st, "secrets", broken)
    page = visit(simulated, "overview")
    assert errors(page) == []
    assert "not set up correctly" in everything(page)
    assert list(page.button) == []
    assert "s3cr3t" not in everything(page)


def _paths(files):
    from streamlit import config

    asked = config.get_option
    return lambda name: files if name == "secrets.files" else asked(name)


def test_the_log_tells_of_sign_in_pages_without_telling_who(come, monkeypatch, tmp_path):
    monkeypatch.setenv("DEXPOSURE_LOG", str(tmp_path / "log"))
    come("overview", {"is_logged_in": False})
    come("overview", {"is_logged_in": True, "email": "anna@bank.example"})
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["page"] for line in told] == ["sign-in", "overview"]
    assert "anna" not in (tmp_path / "log").read_text()


@pytest.fixture
def back(monkeypatch):
    """Come back from signing in with a browser's cookie; return the page that was wanted."""

    def come_back(cookie: str, standing: str = "in"):
        monkeypatch.setattr(signin, "standing", lambda: standing)
        monkeypatch.setattr(signin.st, "context", SimpleNamespace(cookies={"_streamlit_xsrf": cookie}))
        return signin.returning()

    monkeypatch.setattr(signin, "_wanted", OrderedDict())
    return come_back


TOKEN = "00" * 15 + "07"
COOKIE = f"2|01020304|{'01020304' * 3}01020303|1700000000"  # 0x07 ^ 0x04 = 0x03 in the last place
AGAIN = f"2|0a0b0c0d|{'0a0b0c0d' * 3}0a0b0c0a|1700000000"  # the same token under another mask


@pytest.mark.parametrize("cookie", [COOKIE, AGAIN])
def test_the_wanted_page_is_kept_for_its_browser_and_once(back, cookie):
    signin.keep(TOKEN, "protocol", {"protocol": "182"})
    assert back(f"2|00000000|{'11' * 16}|1700000000") is None  # another browser
    assert back(cookie, "out") is None
    assert back(cookie) == ("protocol", {"protocol": "182"})
    assert back(cookie) is None


@pytest.mark.parametrize(
    "cookie", ["", "2|", "2|zz|zz|1", "1|01020304|00|1", TOKEN, f"2|0102|{TOKEN}|1", "2|01020304||1"]
)
def test_a_browser_without_a_token_wants_nothing(back, cookie):
    signin.keep("", "protocol", {})
    assert back(cookie) is None


@pytest.mark.parametrize("page", ["https://evil.example", "//evil.example", "home", "", "../protocol", "sign-in"])
def test_only_our_own_pages_are_kept(back, page):
    signin.keep(TOKEN, page, {})
    assert back(COOKIE) is None


def test_what_is_kept_is_bounded_in_length_number_and_time(back, monkeypatch):
    signin.keep(TOKEN, "alerts", {"limits": "x" * 5000})
    assert back(COOKIE) is None
    signin.keep(TOKEN, "alerts", {})
    for browser in range(1000):
        signin.keep(str(browser), "alerts", {})
    assert len(signin._wanted) == 1000
    assert back(COOKIE) is None
    signin.keep(TOKEN, "alerts", {})
    now = signin.time.monotonic()
    monkeypatch.setattr(signin.time, "monotonic", lambda: now + 901)
    assert back(COOKIE) is None
