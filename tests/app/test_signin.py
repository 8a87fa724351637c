"""Sign-in: nothing changes without it; with it, who has not signed in sees the sign-in page and nothing else."""

import json

import pytest
import streamlit as st
from streamlit.runtime.secrets import Secrets
from streamlit.testing.v1 import AppTest

from dexposure_core.ui.navigation import PAGES
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
