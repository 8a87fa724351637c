"""One word, one meaning: words of other systems stay at the border, and names of the tables are documented."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted(p for p in (ROOT / "dexposure_core").rglob("*.py"))
PAGES = sorted((ROOT / "pages").glob("*.py"))


def identifiers(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.FunctionDef):
            names |= {a.arg for a in [*node.args.args, *node.args.kwonlyargs]}
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


@pytest.mark.parametrize("path", [p for p in CODE if "sources" not in p.parts], ids=lambda p: str(p.relative_to(ROOT)))
def test_source_and_target_never_name_the_ends_of_an_exposure(path):
    names = identifiers(path)  # the source of a file and the target of a forecast are fine; the two together are ends
    assert not {"source", "target"} <= names
    assert names & {"src", "dst", "is_log", "lender", "borrower"} == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_pages_only_arrange(path):
    text = path.read_text("utf-8")
    assert not re.search(r"group_by|SELECT |cache_data|cache_resource|import (duckdb|polars|torch|numpy)", text)
    assert text.count("\n") <= 110, "a page is about 80 lines; move what it computes down"


@pytest.mark.parametrize("path", [*CODE, *PAGES], ids=lambda p: str(p.relative_to(ROOT)))
def test_polars_never_calls_python_from_its_own_threads(path):
    # its threads then wait for the interpreter, held by a page that waits for them: every page stands still
    assert not re.search(r"\.(map_elements|map_batches|map_groups|map_rows)\(", path.read_text("utf-8"))


def test_no_file_or_function_outgrows_its_idea():
    too_long = []
    for path in [*CODE, *PAGES]:
        text = path.read_text("utf-8")
        if text.count("\n") > 300:
            too_long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        too_long += [
            f"{path.relative_to(ROOT)}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > 50
        ]
    assert too_long == []
