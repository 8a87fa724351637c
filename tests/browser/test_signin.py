"""Sign-in against a real OpenID Connect provider: it ends on the page that the link asked for, and tells nobody."""

import secrets

import pytest

from tests.browser import provider as providers
from tests.browser.conftest import free_port, served

WANTED = "concentration?date=2023-03-13&kind=gini&basis=holdings"


@pytest.fixture(scope="module")
def signing(chrome, tmp_path_factory):
    """A dashboard that asks for sign-in, its provider, the secret of its cookies, and the file of what it prints."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    cookie_secret, said = secrets.token_hex(32), home / "said"
    (home / ".streamlit").mkdir()
    with providers.running() as provider:
        (home / ".streamlit/secrets.toml").write_text(
            f"""[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "{cookie_secret}"
client_id = "{providers.CLIENT}"
client_secret = "{provider.secret}"
server_metadata_url = "{provider.address}/.well-known/openid-configuration"
"""
        )
        with said.open("w") as file, served(port=port, home=home, said=file) as server:
            yield server, provider, cookie_secret, said


def sign_in(visitor) -> None:
    visitor.page.get_by_role("button", name="Sign in").click()
    visitor.page.get_by_role("link", name="I am Anna").click()


def sign_out(visitor) -> None:
    visitor.page.get_by_role("button", name="Sign out").click()
    back = visitor.page.get_by_role("link", name="Signed out; back")
    back.or_(visitor.page.get_by_role("button", name="Sign in")).wait_for()
    if back.count():
        back.click()
    visitor.page.get_by_role("button", name="Sign in").wait_for()


def test_signing_in_ends_on_the_page_that_was_asked_for(signing, visitor):
    server, provider, cookie_secret, said = signing
    visitor.page.goto(f"{server}/{WANTED}&next=https://evil.example/&page=//evil.example")
    sign_in(visitor)
    visitor.page.wait_for_url(f"{server}/concentration?**kind=gini**")
    shown = " ".join(visitor.state())
    assert "2023-03-13" in shown
    assert "Gini" in shown
    assert "anna@bank.example" in visitor.page.locator('[data-testid="stSidebar"]').inner_text()
    sign_out(visitor)
    assert "2023-03-13" not in visitor.page.content()

    visitor.page.goto(f"{server}/")  # what was asked for before is forgotten
    sign_in(visitor)
    visitor.page.wait_for_url(f"{server}/overview**")
    visitor.settled()
    sign_out(visitor)

    assert visitor.outside() == []
    token = next(c["value"] for c in visitor.page.context.cookies() if c["name"] == "_streamlit_xsrf").split("|")[2]
    printed = said.read_text()
    assert '"page": "concentration"' in printed.replace('":"', '": "')
    for hidden in (provider.secret, cookie_secret, token, providers.PERSON["email"], *provider.handed):
        assert hidden not in printed


def test_who_has_not_signed_in_is_shown_no_page_whatever_the_provider_is_told(signing, visitor):
    server, *_ = signing
    visitor.page.goto(f"{server}/oauth2callback?code=guessed&state=guessed")
    visitor.page.get_by_role("button", name="Sign in").wait_for()
    assert "SIMULATED" not in visitor.page.content()
