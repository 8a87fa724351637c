"""Where to ask, and names from outside: nothing leads where it should not."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexposure_core.errors import BadInput, BadOption, FetchFailed
from dexposure_core.sources.fetch.places import base_url, file_name, origin, place, redirected, relative_path, segment


@pytest.mark.parametrize(
    "url", ["https://api.llama.fi", "https://example.org:8443/mirror", "http://127.0.0.1:9", "http://localhost/x",
            "http://[::1]:80"],
)  # fmt: skip
def test_a_base_url(url: str) -> None:
    assert base_url(f" {url}/ ", "--base-url") == url


@pytest.mark.parametrize(
    ("url", "found"),
    [("api.llama.fi", "is not a URL"), ("ftp://x.org", "is not a URL"), ("https://", "is not a URL"), ("", "not a URL"),
     ("https://x.org:99999", "is not a URL"), ("https://[::1", "is not a URL"), ("https://x.org:0", "is not a URL"),
     ("http://x.org", "is not encrypted; use https, or say --allow-http"), ("https://u:p@x.org", "leave user names"),
     ("https://x.org/?key=1", "leave user names"), ("https://x.org/#a", "leave user names"),
     ("file:///etc/passwd", "is not a URL"), ("http://127.0.0.1.evil.org", "not encrypted")],
)  # fmt: skip
def test_what_is_no_base_url(url: str, found: str) -> None:
    with pytest.raises(BadOption, match=found) as caught:
        base_url(url, "--base-url")
    assert "p@x" not in str(caught.value)


def test_plain_http_elsewhere_must_be_asked_for() -> None:
    assert base_url("http://mirror.bank", "--base-url", allow_http=True) == "http://mirror.bank"


@pytest.mark.parametrize(
    ("url", "location", "leads_to"),
    [("https://a.org/x/y", "/z", "https://a.org/z"), ("https://a.org/x/y", "z", "https://a.org/x/z"),
     ("https://a.org/x", "https://cdn.org/z?sig=1", "https://cdn.org/z?sig=1"),
     ("http://127.0.0.1:1/x", "http://127.0.0.1:2/x", "http://127.0.0.1:2/x"),
     ("http://mirror.bank/x", "https://mirror.bank/x", "https://mirror.bank/x")],
)  # fmt: skip
def test_a_redirect(url: str, location: str, leads_to: str) -> None:
    assert redirected(url, location) == leads_to


@pytest.mark.parametrize(
    ("url", "location", "found"),
    [("https://a.org/x", "http://a.org/x", "not encrypted"), ("https://a.org/x", "ftp://a.org/x", "no URL to follow"),
     ("https://a.org/x", "https://127.0.0.1/x", "a private address"),
     ("https://a.org/x", "https://169.254.169.254/latest", "a private address"),
     ("https://a.org/x", "https://10.0.0.1/x", "a private address"),
     ("https://a.org/x", "https://localhost", "private"),
     ("https://a.org/x", "https://[::1]/x", "a private address"), ("https://a.org/x", "file:///etc/passwd", "no URL"),
     ("http://127.0.0.1/x", "http://b.org/x", "another host without"), ("https://a.org/x", "https://[b/", "no URL")],
)  # fmt: skip
def test_a_redirect_that_is_not_followed(url: str, location: str, found: str) -> None:
    with pytest.raises(FetchFailed, match=found):
        redirected(url, location)


def test_an_empty_location_leads_nowhere_else() -> None:
    assert redirected("https://a.org/x", "") == "https://a.org/x"  # a loop, ended by the number of hops


@given(st.text(max_size=300))
def test_any_name_is_one_segment_of_a_url(name: str) -> None:
    url = f"https://a.org/protocol/{segment(name)}" if name.isprintable() else "https://a.org/protocol/x"
    assert urlsplit(url).path.count("/") == 2
    assert not name.isprintable() or unquote(urlsplit(url).path.removeprefix("/protocol/")) == name
    assert segment("..") == "%2E%2E"


@given(st.text(max_size=400))
def test_any_name_is_a_file_name_of_this_folder(name: str) -> None:
    made = file_name(name)
    assert "/" not in made
    assert "." not in made
    assert made.isprintable()
    assert made.isascii()
    assert len(made) <= 140
    assert not Path(made).is_absolute()


@given(st.text(max_size=200), st.text(max_size=200))
def test_different_names_are_different_files_also_where_case_is_lost(one: str, other: str) -> None:
    assert (file_name(one).lower() == file_name(other).lower()) == (one == other)


def test_file_names_can_be_read() -> None:
    assert file_name("aave-v3") == "aave-v3"
    assert file_name("../x") == "%2e%2e%2fx"
    assert file_name("con").startswith("con~")


@given(st.text(alphabet=st.sampled_from("ab./\\ :~\n"), max_size=12))
def test_a_path_that_is_let_through_stays_below(path: str) -> None:
    try:
        inside = relative_path(path, "list")
    except BadInput:
        return
    folder = Path("/somewhere/files")
    assert (folder / inside).resolve().is_relative_to(folder)
    assert (folder / inside) != folder
    assert str(inside) == path


def test_paths_that_are_fine() -> None:
    for path in ("a.json", "data/mapping/id_to_info.json", "data/historical-network_week_2020-03-30.json", ".x/..y"):
        assert relative_path(path, "list") == PurePosixPath(path)


def test_origins_and_what_messages_show() -> None:
    assert origin("https://a.org/x") == origin("https://a.org:443/y") == ("https", "a.org", 443)
    assert origin("http://a.org") != origin("https://a.org")
    assert place("https://u:p@a.org/x?token=1#y") == "https://a.org/x"
