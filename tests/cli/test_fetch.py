"""`dexposure fetch` as a person types it: what it says, what it leaves, and how it refuses."""

import json
import subprocess
import sys

import pytest

from tests.cli.conftest import run_cli, run_here
from tests.sources.fetch.server import Service, protocol, small_world, status
from tests.sources.fetch.test_huggingface import BIG, META, META_FILE, NETWORK, REPO, item


@pytest.fixture
def service(monkeypatch):
    for name in ("HF_TOKEN", "DEXPOSURE_HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DEXPOSURE_FETCH_RETRIES", "0")
    running = Service()
    small_world(running)
    yield running
    running.close()


@pytest.fixture
def fetch(service, tmp_path):
    def go(what, *more):
        base = ["--store", tmp_path / "store", "fetch", what, "--base-url", service.url, "--raw", tmp_path / "raw"]
        return run_here(*base, *more)

    return go


def test_fetch_builds_and_import_builds_the_same(fetch, tmp_path):
    done = fetch("defillama", "--rate", "1000", "--json").json
    assert (done["fetch"]["wanted"], done["fetch"]["new"], done["fetch"]["failed"]) == (4, 4, {})
    assert done["dates"] == {"first": "2024-01-08", "last": "2024-01-22", "count": 3}
    assert done["coverage"]["difference_usd"] == 0
    # LND: 300 + 10 of Swap and Vault in the first week; all symbols are claimed by listed protocols, WETH is its own
    assert done["coverage"]["dropped_usd"] == 0
    carried = run_here("--store", tmp_path / "there", "import", "defillama", tmp_path / "raw" / "defillama", "--json")
    assert carried.json["content_hash"] == done["content_hash"]


def test_a_new_week_is_added_to_the_latest_vintage_and_equals_a_rebuild(fetch, service, tmp_path):
    first = fetch("defillama", "--rate", "1000", "--json").json
    assert first["weeks"] == {
        "base": None, "added": ["2024-01-08", "2024-01-15", "2024-01-22"], "revised": [], "kept": 0,
    }  # fmt: skip
    again = fetch("defillama", "--rate", "1000", "--json").json
    assert (again["vintage"], again["weeks"]["kept"], again["weeks"]["added"]) == (first["vintage"], 3, [])
    service.put("/protocol/lend", protocol(1, "Lend", "LND", weeks=4, SWP=100.0, MNT=50.0))
    revised = protocol(3, "Vault", "VLT", weeks=4, LND=10.0, SWP=70.0)
    revised["chainTvls"]["Ethereum"]["tokensInUsd"][1]["tokens"]["LND"] = 99.0  # 15 January
    service.put("/protocol/vault", revised)
    done = fetch("defillama", "--rate", "1000")
    assert f"updated vintage {first['vintage']}: 1 weeks added, 1 revised" in done.err
    manifests = [json.loads(path.read_text()) for path in (tmp_path / "store").glob("*/manifest.json")]
    hashes = {manifest["vintage"]: manifest["content_hash"] for manifest in manifests}
    anew = run_here("--store", tmp_path / "anew", "import", "defillama", tmp_path / "raw", "--json").json
    assert hashes.keys() == {first["vintage"], anew["vintage"]}
    assert hashes[anew["vintage"]] == anew["content_hash"]
    assert fetch("defillama", "--rate", "1000", "--rebuild", "--json").json["vintage"] == anew["vintage"]


def test_a_vintage_of_something_else_is_no_base(fetch, tmp_path):
    (tmp_path / "edges.csv").write_text("date,creditor,debtor,exposure_usd\n2024-01-08,a,b,1\n")
    assert run_here("--store", tmp_path / "store", "import", "edges", tmp_path / "edges.csv").code == 0
    assert fetch("defillama", "--rate", "1000", "--json").json["weeks"]["base"] is None


def test_no_build_says_what_to_run_next(fetch, tmp_path):
    done = fetch("defillama", "--no-build", "--rate", "1000", "--protocols", "lend, vault")
    assert done.out.splitlines() == [
        f"fetched into {tmp_path}/raw/defillama", f"build with: dexposure import defillama {tmp_path}/raw/defillama",
    ]  # fmt: skip
    assert "2 protocols: 2 new or changed" in done.err
    assert not (tmp_path / "store").exists()


def test_issuers_that_were_not_fetched_are_known_from_the_list(fetch, tmp_path):
    fetch("defillama", "--rate", "1000", "--protocols", "lend")
    exposures = run_here("--store", tmp_path / "store", "report", "--json").json
    assert {p["name"] for p in exposures["importance"]} == {"Lend", "Swap & Go", "Mint"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--protocols", "lendd"], "no protocol 'lendd'; did you mean 'lend'?"),
        (["--protocols", " , "], "names no protocol"),
        (["--protocols", "lend", "--all"], "say one of the two"),
        (["--base-url", "http://example.org"], "is not encrypted"),
        (["--rate", "0"], "--rate"),
        (["--raw", "/proc/nowhere"], "no such file"),
    ],
)
def test_refusals(words, found, fetch):
    done = fetch("defillama", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert found in done.err


def test_a_failure_leaves_no_vintage_and_the_next_run_goes_on(fetch, service, tmp_path):
    service.fail("/protocol/vault", status(500))
    done = fetch("defillama", "--rate", "1000")
    assert done.code == 2
    assert f"dexposure: {service.url}/protocol/vault: HTTP 500 Internal Server Error (1 attempt); run" in done.err
    assert not list((tmp_path / "store").glob("*"))
    assert fetch("defillama", "--rate", "1000", "--json").json["fetch"]["resumed"] == 3


def test_a_changed_service_is_named_and_passed_over_on_request(fetch, service):
    changed = protocol(3, "Vault", "VLT", LND=1.0)
    changed["chainTvls"]["Ethereum"]["tokens_usd"] = changed["chainTvls"]["Ethereum"].pop("tokensInUsd")
    service.put("/protocol/vault", changed)
    done = fetch("defillama", "--rate", "1000")
    assert done.code == 2
    assert "protocol 'vault': field chainTvls.Ethereum.tokensInUsd: missing; found tvl, tokens, tokens_usd" in done.err
    done = fetch("defillama", "--rate", "1000", "--keep-going", "--json").json
    assert "vault" in done["fetch"]["failed"]
    assert "protocol not fetched" in {finding["finding"] for finding in done["findings"]}


@pytest.fixture
def hub(service):
    tree = [item(NETWORK, BIG, lfs=True), item(META_FILE, META, lfs=False)]
    service.put(f"/api/datasets/{REPO}/tree/main", tree)
    service.put(f"/datasets/{REPO}/resolve/main/{NETWORK}", BIG, ranges=True)
    service.put(f"/datasets/{REPO}/resolve/main/{META_FILE}", META)
    return service


def test_huggingface_says_which_import_to_run(fetch, hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    done = fetch("huggingface", "--repo", REPO)
    files = tmp_path / "raw" / "huggingface" / "owner--published" / "files"
    assert done.out.splitlines() == [
        f"fetched into {files}",
        f"build with: dexposure import published {files}/{NETWORK} --meta {files}/{META_FILE}",
    ]
    assert "hf_secret" not in done.out + done.err


@pytest.mark.parametrize("there", [3, 2])
def test_a_mapping_is_named_when_it_is_whole(there, fetch, hub, tmp_path):
    tree = [item(NETWORK, BIG, lfs=True)]
    for name in ("id_to_info.json", "rev_map.json", "token_to_protocol.json")[:there]:
        tree.append(item(f"data/mapping/{name}", b"{}", lfs=False))
        hub.put(f"/datasets/{REPO}/resolve/main/data/mapping/{name}", b"{}")
    hub.put(f"/api/datasets/{REPO}/tree/main", tree)
    done = fetch("huggingface", "--repo", REPO, "--anonymous", "--json").json
    files = tmp_path / "raw" / "huggingface" / "owner--published" / "files"
    mapping = f" --mapping {files}/data/mapping" if there == 3 else ""
    assert done["next"] == [f"dexposure import published {files}/{NETWORK}{mapping}"]


def test_huggingface_without_a_token_and_with_a_refused_one(fetch, hub, monkeypatch):
    done = fetch("huggingface", "--repo", REPO)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "put it into HF_TOKEN" in done.err
    monkeypatch.setenv("DEXPOSURE_HF_TOKEN", "hf_secret")
    hub.fail(f"/datasets/{REPO}/resolve/main/{META_FILE}", status(403))
    done = fetch("huggingface", "--repo", REPO)
    assert (done.code, "the token was refused" in done.err, "hf_secret" in done.err) == (2, True, False)


def test_huggingface_builds_on_request(fetch, hub, tmp_path):
    network = {"data": {"2025-06-30": {
        "nodes": [{"id": "1", "size": 10.0, "composition": {"B": 10.0}}, {"id": "2", "size": 5.0, "composition": {}}],
        "links": [{"source": "1", "target": "2", "size": 4.0, "composition": {"B": 4.0}}],
    }}}  # fmt: skip
    content = json.dumps(network).encode()
    hub.put(f"/api/datasets/{REPO}/tree/main", [item(NETWORK, content, lfs=True), item(META_FILE, META, lfs=False)])
    hub.put(f"/datasets/{REPO}/resolve/main/{NETWORK}", content)
    done = fetch("huggingface", "--repo", REPO, "--anonymous", "--build", "--json").json
    assert done["dates"]["last"] == "2025-06-30"
    assert done["fetch"]["fetched"] == [META_FILE, NETWORK]


def test_light_commands_do_not_pay_for_http(tmp_path):
    code = (
        "import sys\nfrom dexposure_core.cli import main\n"
        "try:\n    main(['--quiet', 'fetch', '--help'])\nexcept SystemExit:\n    pass\n"
        "import dexposure_core.sources.defillama, dexposure_core.pipeline.building.fetch\n"
        "assert not {'httpx', 'h11', 'ssl'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_nobody_there_is_one_line(tmp_path):
    words = ["fetch", "defillama", "--base-url", "http://127.0.0.1:9", "--raw", tmp_path / "raw"]
    done = run_cli("--store", tmp_path / "store", *words, DEXPOSURE_FETCH_RETRIES="0")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "connection failed" in done.err
