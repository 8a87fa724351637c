"""The commands about tokens, on the small store of the command line's tests."""

import json
import shutil

import pytest

from tests.cli.conftest import run_here


def test_list_says_who_issues_what_and_how_the_usd_was_mapped(store):
    done = run_here("--store", store, "tokens", "list", "--json")
    assert done.code == 0, done.err
    issuers = {row["token"]: (row["issuer"], row["method"]) for row in done.json["tokens"]}
    assert issuers == {"USDX": ("USDX", "curated"), "SHARE": ("swap", "given"), "RECEIPT": ("lend", "given")}
    assert sum(row["share"] for row in done.json["methods"]) == pytest.approx(1.0)
    assert done.json["doubtful_tokens"] == 0
    text = run_here("--store", store, "tokens", "list", "--method", "given", "--limit", "1").out.splitlines()
    assert text[0].split() == ["token", "usd", "issuer", "method", "score"]
    assert text[1].split()[0] == "RECEIPT"  # 30 + 50 against 25 + 30 of SHARE


def test_review_of_a_settled_vintage_is_empty_and_the_file_decides_nothing(store, tmp_path):
    assert run_here("--store", store, "tokens", "review").out.strip() == "no token with a doubtful issuer"
    out = tmp_path / "review.csv"
    done = run_here("--store", store, "tokens", "review", "--all", "--out", out, "--json")
    assert done.json["rows"] == 0
    assert out.read_text().startswith("token,issuer,note,decided,")


def test_show_tells_what_every_method_says(store):
    done = run_here("--store", store, "tokens", "show", "usdx", "--json")
    assert (done.json["token"], done.json["issuer"]) == ("USDX", "USDX")
    assert [a["method"] for a in done.json["answers"]] == ["curated", "self"]
    assert "why: listed among the high-value tokens" in run_here("--store", store, "tokens", "show", "USDX").out
    assert run_here("--store", store, "tokens", "show", "SHAER").err.endswith("did you mean 'SHARE'?\n")


def test_override_says_what_would_move_and_build_does_it(store, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("token,issuer,note\nSHARE,lend,checked\nUSDX,USDX,itself\n")
    done = run_here("--store", store, "tokens", "override", file, "--json")
    assert done.json["changes"] == [{"token": "SHARE", "issuer": "swap", "override": "lend", "usd": 27.5}]
    assert {m["issuer"]: m["usd"] for m in done.json["issuers"]} == {"lend": 27.5, "swap": -27.5}  # (25 + 30) / 2
    assert (done.json["confirmed"], done.json["unused"]) == (1, [])
    text = run_here("--store", store, "tokens", "override", file).out
    assert "1 change, 1 confirm, 0 meet no token" in text
    store = shutil.copytree(store, tmp_path / "own")  # the others' stays as it is
    built = run_here("--store", store, "build", "--overrides", file, "--json")
    assert built.code == 0, built.err
    after = run_here("--store", store, "--vintage", built.json["vintage"], "tokens", "show", "SHARE", "--json")
    assert (after.json["issuer"], after.json["method"], after.json["alternatives"]) == (
        "lend",
        "override",
        "swap Swap (given)",
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("token,issuer\nSHARE,lendd\n", "there is no protocol 'lendd'"),
        ("token,issuer\nSHARE,nan\n", "missing value written as text"),
        ("token,issuer\nSHARE,lend\nSHARE,swap\n", "decide 'SHARE' twice"),
        ("token,issuer\n", "decides no token"),
    ],
)
@pytest.mark.parametrize("command", [("tokens", "override"), ("build", "--overrides")])
def test_a_bad_file_is_refused_in_one_line(store, tmp_path, content, words, command):
    file = tmp_path / "mine.csv"
    file.write_text(content)
    done = run_here("--store", store, *command, file)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.count("\n") == 1


def test_compare_needs_the_folder_and_names_the_causes(store, tmp_path):
    files = {
        "token_to_protocol.json": {"PRIMARY": {"USDX": {"id": "USDX", "frequency": 3}}, "MAP": {"SHARE": {"id": "9"}}},
        "rev_map.json": {"SHARE": "9", "nan": "9"},
        "id_to_info.json": {"9": {"name": "Other"}},
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    done = run_here("--store", store, "tokens", "compare", "--mapping", tmp_path, "--json")
    assert done.code == 0, done.err
    assert (done.json["common"], done.json["same"], done.json["weight_is"]) == (3, 1, "USD")
    assert [d["cause"] for d in done.json["disagreements"]] == ["missing value as a token", "other"]
    assert "why they differ" in run_here("tokens", "compare", "--list", "--mapping", tmp_path).out
    assert run_here("--store", store, "tokens", "compare", "--mapping", tmp_path / "none").code == 2
    refused = run_here("--store", store, "tokens", "compare", "--mapping", tmp_path, "--symbols")
    assert "go with --list" in refused.err


def test_a_revised_mapping_is_told_as_such(store, tmp_path):
    store = shutil.copytree(store, tmp_path / "store")  # the others' stays as it is
    file = tmp_path / "overrides.csv"
    file.write_text("token,issuer,note\nUSDX,swap,asked\n")
    before = run_here("--store", store, "vintages", "--json").json["vintages"][0]["vintage"]
    assert run_here("--store", store, "build", "--overrides", file).code == 0
    told = run_here("--store", store, "compare", before, "--json").json["revision"]
    for name, parts in told["causes"].items():
        assert parts["change"] == parts["mapping"] == sum(v for k, v in parts.items() if k != "change"), name
    assert {row["mapping_usd"] == row["change_usd"] != 0 for row in told["exposures"]} == {True}
    assert "mapping" in run_here("--store", store, "compare", before).out
