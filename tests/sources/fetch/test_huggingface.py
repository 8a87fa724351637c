"""Fetching from the hub: ranges, sums, redirects, and a token that goes nowhere else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dexposure_core.errors import AccessDenied, BadInput, BadOption, FetchFailed, SourceChanged
from dexposure_core.sources.fetch.client import Manners
from dexposure_core.sources.fetch.hub import token_of
from dexposure_core.sources.fetch.huggingface import Order, Result, fetch
from tests.sources.fetch.conftest import Invented
from tests.sources.fetch.server import Handler, Page, Service, cut, says, silence, status

TOKEN = "hf_secretsecretsecret"  # noqa: S105
BIG = json.dumps({"data": {}, "filling": "x" * 400_000}).encode()
META = b"id,name,category\n1,Lend,Lending\n"
NETWORK, META_FILE = "data/historical-network_week_2025-07-01.json", "data/meta_df.csv"
REPO = "owner/published"


def item(path: str, content: bytes, *, lfs: bool) -> dict[str, Any]:
    git = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()  # noqa: S324
    entry = {"type": "file", "path": path, "size": len(content), "oid": git, "xetHash": "0" * 64}
    if lfs:
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return entry


@pytest.fixture
def hub(service: Service, another: Service) -> Service:
    """The hub, which keeps the large file at another host and redirects there, as the real one does."""
    tree = [{"type": "directory", "path": "data", "size": 0, "oid": "1" * 40}]
    tree += [item(NETWORK, BIG, lfs=True), item(META_FILE, META, lfs=False), item("README.md", b"# hi", lfs=False)]
    service.put(f"/api/datasets/{REPO}/tree/main", tree)
    another.put("/storage/blob", BIG, ranges=True)
    resolve = f"/datasets/{REPO}/resolve/main/"
    service.put(resolve + NETWORK, b"", location=f"{another.url}/storage/blob?X-Amz-Signature=abc")
    service.put(resolve + META_FILE, META, etag='W/"weak"')
    return service


@pytest.fixture
def run(hub: Service, tmp_path: Path, clock: Invented) -> Callable[..., Result]:
    def go(token: str | None = TOKEN, retries: int = 3, progress: Any = None, **order: Any) -> Result:
        manners = Manners(retries=retries, timeout=1.0, limit=1_000_000, token=token)
        more = {} if progress is None else {"progress": progress}
        return fetch(tmp_path, Order(**{"base": hub.url, "repo": REPO} | order), manners, clock=clock, **more)

    return go


def folder(tmp_path: Path) -> Path:
    return tmp_path / "huggingface" / "owner--published"


def test_the_published_files_are_fetched_and_proven(run, hub: Service, another: Service, tmp_path: Path, calls) -> None:
    result = run(progress=calls)
    assert dict(result.files) == {META_FILE: len(META), NETWORK: len(BIG)}  # README.md is not one of them
    assert result.fetched == (META_FILE, NETWORK)
    assert result.folder == folder(tmp_path) / "files"
    assert (result.folder / NETWORK).read_bytes() == BIG
    assert (result.folder / META_FILE).read_bytes() == META
    manifest = json.loads((folder(tmp_path) / "manifest.json").read_text())
    assert manifest["repo"] == f"datasets/{REPO}"
    assert manifest["files"][NETWORK]["sum"] == hashlib.sha256(BIG).hexdigest()
    assert calls.told
    assert not list(folder(tmp_path).rglob("*.part*"))


def test_what_is_there_is_not_fetched_again(run, hub: Service, another: Service, tmp_path: Path) -> None:
    run()
    another.asked.clear()
    assert run().fetched == ()
    assert another.asked == []
    (folder(tmp_path) / "manifest.json").unlink()
    assert run().fetched == ()  # proven by its sum
    (folder(tmp_path) / "manifest.json").unlink(missing_ok=True)
    (folder(tmp_path) / "files" / META_FILE).write_bytes(META.upper())
    assert run().fetched == (META_FILE,)  # same size, another content


def test_the_token_goes_to_the_hub_alone_and_is_written_nowhere(
    run, hub: Service, another: Service, tmp_path: Path
) -> None:
    run()
    assert {headers.get("authorization") for _, headers in hub.asked} == {f"Bearer {TOKEN}"}
    assert another.asked
    assert all("authorization" not in headers for _, headers in another.asked)
    written = [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()]
    assert not any(TOKEN.encode() in content for content in written)
    assert b"X-Amz" not in (folder(tmp_path) / "manifest.json").read_bytes()
    assert TOKEN not in repr(Manners(retries=1, timeout=1, limit=1, token=TOKEN))


@pytest.mark.parametrize("times", [1, 4])
def test_a_connection_cut_in_the_middle_goes_on_from_there(times: int, run, another: Service, tmp_path: Path) -> None:
    another.fail("/storage/blob", *[cut(100_000)] * times)
    run(retries=1)  # four cuts, one retry: every attempt brought something
    assert (folder(tmp_path) / "files" / NETWORK).read_bytes() == BIG
    ranges = [headers.get("range") for _, headers in another.asked]
    assert ranges == [None, *(f"bytes={n * 100_000}-" for n in range(1, times + 1))]
    assert another.asked[1][1]["if-range"] == another.pages["/storage/blob"].etag


def test_a_later_call_goes_on_too(run, another: Service, tmp_path: Path) -> None:
    another.fail("/storage/blob", cut(300_000), status(500), status(500), status(500))
    with pytest.raises(FetchFailed, match=r"HTTP 500 .*run the same command again to go on from here"):
        run(retries=3)
    another.asked.clear()
    run()
    assert [headers.get("range") for _, headers in another.asked] == ["bytes=300000-"]
    assert (folder(tmp_path) / "files" / NETWORK).read_bytes() == BIG


def test_a_range_that_is_ignored_begins_anew(run, another: Service, tmp_path: Path) -> None:
    another.fail("/storage/blob", cut(100_000))
    another.pages["/storage/blob"].ranges = False
    run()
    assert (folder(tmp_path) / "files" / NETWORK).read_bytes() == BIG


def test_a_file_that_changes_between_ranges_begins_anew(run, another: Service, tmp_path: Path) -> None:
    """The storage has another version with another ETag: If-Range makes it send the whole."""
    another.fail("/storage/blob", cut(100_000))
    another.pages["/storage/blob"].headers = {}

    def other_version(handler: Handler) -> None:
        another.pages["/storage/blob"].etag = '"another"'
        handler.answer(another.pages["/storage/blob"])

    another.faults["/storage/blob"].append(other_version)
    run()
    assert (folder(tmp_path) / "files" / NETWORK).read_bytes() == BIG


@pytest.mark.parametrize(
    ("etag", "span"), [('"other"', f"bytes 100000-{len(BIG) - 1}/{len(BIG)}"), ("", "bytes 5-9/10"), ("", "nonsense")]
)
def test_a_wrong_range_is_not_believed(etag: str, span: str, run, another: Service, tmp_path: Path) -> None:
    headers = {"Content_Range": span} | ({"ETag": etag} if etag else {})
    another.fail("/storage/blob", cut(100_000), says(b"z" * (len(BIG) - 100_000), 206, **headers))
    run()
    assert (folder(tmp_path) / "files" / NETWORK).read_bytes() == BIG
    assert [h.get("range") for _, h in another.asked] == [None, "bytes=100000-", None]


def test_a_part_larger_than_the_file_and_a_part_of_another_file(
    run, hub: Service, another: Service, tmp_path: Path
) -> None:
    target = folder(tmp_path) / "files" / NETWORK
    target.parent.mkdir(parents=True)
    note = {"size": len(BIG), "sum": hashlib.sha256(BIG).hexdigest(), "etag": ""}
    for part, beside in ((b"z" * (len(BIG) + 1), note), (b"z" * 1000, {**note, "size": 5}), (b"z" * 1000, None)):
        target.with_name(f"{target.name}.part").write_bytes(part)
        if beside is not None:
            target.with_name(f"{target.name}.part.json").write_text(json.dumps(beside))
        another.asked.clear()
        run()
        assert target.read_bytes() == BIG
        assert "range" not in another.asked[0][1]
        target.unlink()


def test_a_wrong_sum_is_fetched_once_more_then_refused(run, another: Service, tmp_path: Path) -> None:
    right = another.pages["/storage/blob"].body
    wrong = b"z" * len(right)
    another.fail("/storage/blob", says(wrong))
    run()  # the second time it is right
    assert (folder(tmp_path) / "files" / NETWORK).read_bytes() == BIG
    (folder(tmp_path) / "files" / NETWORK).unlink()
    another.asked.clear()
    another.put("/storage/blob", wrong, ranges=True)
    with pytest.raises(
        FetchFailed, match=r"its sha256 is [0-9a-f]{16}..., listed as [0-9a-f]{16}...; nothing was kept"
    ):
        run()
    assert len(another.asked) == 2
    assert not (folder(tmp_path) / "files" / NETWORK).exists()
    assert not list(folder(tmp_path).rglob("*.part"))


def test_git_sums_prove_small_files(run, hub: Service) -> None:
    hub.put(f"/datasets/{REPO}/resolve/main/{META_FILE}", META.upper())
    with pytest.raises(FetchFailed, match="its git sha1 is"):
        run()


def test_another_size_than_listed_is_refused(run, another: Service) -> None:
    another.put("/storage/blob", BIG + b"more", ranges=True)
    with pytest.raises(FetchFailed, match=r"400,\d{3} bytes, listed with 400,\d{3}"):
        run()


@pytest.mark.parametrize("fault", [status(500), status(429, Retry_After="3"), silence(0.1), says(b"{", 200)])
def test_the_list_is_asked_for_again(fault: Any, run, hub: Service) -> None:
    hub.fail(f"/api/datasets/{REPO}/tree/main", fault)
    assert len(run().files) == 2


def test_without_a_token_nothing_is_asked(run, hub: Service) -> None:
    with pytest.raises(AccessDenied, match=rf"accept its conditions at {hub.url}/{REPO}, make a token .* HF_TOKEN"):
        run(token=None)
    assert hub.asked == []
    assert len(run(token=None, anonymous=True).files) == 2
    assert all("authorization" not in headers for _, headers in hub.asked)


def test_a_token_is_never_sent_unencrypted(run, hub: Service) -> None:
    with pytest.raises(BadOption, match=r"mirror.bank would get the token unencrypted; use https, or say --anonymous"):
        run(base="http://mirror.bank")
    assert hub.asked == []


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_token_is_told_and_not_shown(code: int, run, hub: Service) -> None:
    hub.fail(f"/datasets/{REPO}/resolve/main/{META_FILE}", status(code, X_Error_Code="GatedRepo"))
    with pytest.raises(AccessDenied, match=rf"the token was refused for {REPO} \(HTTP {code}\); accept") as caught:
        run()
    assert TOKEN not in str(caught.value)
    hub.fail(f"/api/datasets/{REPO}/tree/main", status(code))
    with pytest.raises(AccessDenied, match="wants a token"):
        run(token=None, anonymous=True)


def test_the_token_comes_from_the_environment() -> None:
    assert token_of({}) is None
    assert token_of({"HF_TOKEN": " hf_a \n"}) == "hf_a"
    assert token_of({"HF_TOKEN": "hf_a", "DEXPOSURE_HF_TOKEN": "hf_b"}) == "hf_b"
    with pytest.raises(BadOption, match="HF_TOKEN: holds spaces") as caught:
        token_of({"HF_TOKEN": "hf_a\r\nX: y"})
    assert "hf_a" not in str(caught.value)


def test_a_repository_of_models_and_one_that_is_not_there(run, hub: Service) -> None:
    hub.pages[f"/api/models/{REPO}/tree/v1%2F2"] = hub.pages[f"/api/datasets/{REPO}/tree/main"]
    for path in (NETWORK, META_FILE):
        hub.pages[f"/{REPO}/resolve/v1%2F2/{path}"] = hub.pages[f"/datasets/{REPO}/resolve/main/{path}"]
    result = run(revision="v1/2")
    assert result.kind == "models"
    with pytest.raises(FetchFailed, match=r"no files in owner/other at revision 'main'; check --repo and --revision"):
        run(repo="owner/other")
    with pytest.raises(FetchFailed, match="no files"):
        run(repo=f"datasets/{REPO}", revision="v1/2")


@pytest.mark.parametrize("repo", ["name", "../..", "a/b/c", "owner/..", "owner/na me", "https://x/y", "spaces/a/b"])
def test_what_is_no_repository(repo: str, run) -> None:
    with pytest.raises(BadOption, match="is not a repository; write OWNER/NAME"):
        run(repo=repo)


def test_a_long_list_goes_on_at_the_same_host_only(run, hub: Service, another: Service) -> None:
    path = f"/api/datasets/{REPO}/tree/main"
    page = hub.pages[path]
    first, rest = json.loads(page.body)[:2], json.loads(page.body)[2:]
    hub.put(path, first, headers={"Link": f'<{hub.url}/more?cursor=x>; rel="next"'})
    hub.put("/more", rest)
    assert len(run().files) == 2
    hub.put(path, first, headers={"Link": f'<{another.url}/more>; rel="next"'})
    with pytest.raises(SourceChanged, match="goes on at another host"):
        run()
    assert "/more" not in another.paths()


@pytest.mark.parametrize(
    "path", ["../../evil.json", "/etc/evil.json", "a/../../evil.json", "a\\..\\evil.json", "C:/evil.json", "a//e.json",
             "a/./e.json", "e\n.json", "a/con.json", "/".join("a" * 20) + ".json", "x" * 300 + ".json"],
)  # fmt: skip
def test_paths_from_the_list_stay_in_the_folder(path: str, run, hub: Service, tmp_path: Path) -> None:
    hub.put(f"/api/datasets/{REPO}/tree/main", [item(path, b"{}", lfs=True)])
    with pytest.raises(BadInput, match=r"is not a path a file may have; nothing was written"):
        run(patterns=("*",))
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [".lock"]


def test_a_link_in_the_folder_is_not_followed(run, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder(tmp_path) / "files").mkdir(parents=True)
    (folder(tmp_path) / "files" / "data").symlink_to(outside)
    with pytest.raises(BadInput, match="leads out of the folder"):
        run()
    assert list(outside.iterdir()) == []


def test_files_are_chosen_by_pattern_and_bounded(run, hub: Service, tmp_path: Path) -> None:
    assert list(run(patterns=("*.csv",)).files) == [META_FILE]
    assert list(run(patterns=("data/*",)).files) == [META_FILE, NETWORK]
    with pytest.raises(BadOption, match=r"nothing in owner/published fits \*.xml; there are README.md, data/hist"):
        run(patterns=("*.xml",))
    with pytest.raises(BadOption, match=r"has 0.0 GB, more than 1e-06; raise DEXPOSURE_FETCH_FILE_GB"):
        run(limit=1000)


def test_another_repository_without_the_known_names(run, hub: Service) -> None:
    hub.put(f"/api/datasets/{REPO}/tree/main", [item("net.json", b"{}", lfs=True), item("x.bin", b"1", lfs=True)])
    hub.pages[f"/datasets/{REPO}/resolve/main/net.json"] = Page(body=b"{}")
    assert list(run().files) == ["net.json"]


@pytest.mark.parametrize(
    ("tree", "found"),
    [({"error": "x"}, "Expected `array`, got `object`"), ([{"type": "file", "size": 1}], "required field `path`"),
     ([item("a.json", b"", lfs=True) | {"lfs": {"size": 1}}], "required field `oid`"),
     ([item("a.json", b"", lfs=False) | {"oid": "?"}], "a.json: field oid: '\\?' is not a sum"),
     ([item("a.json", b"", lfs=False) | {"size": -1}], "`int` >= 0")],
)  # fmt: skip
def test_another_shape_of_the_list_is_told(tree: Any, found: str, run, hub: Service) -> None:
    hub.put(f"/api/datasets/{REPO}/tree/main", tree)
    with pytest.raises(SourceChanged, match=f"huggingface: list of files: .*{found}"):
        run(patterns=("*",))


def test_a_storage_host_that_refuses_is_asked_again(run, another: Service, tmp_path: Path) -> None:
    another.fail("/storage/blob", status(403), status(404))  # signed addresses expire: the hub gives a new one
    run()
    assert (folder(tmp_path) / "files" / NETWORK).read_bytes() == BIG
