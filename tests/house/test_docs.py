"""The docs cannot rot: generated parts are in sync, and everything a user can name is documented."""

import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dexposure_core import errors
from dexposure_core.cli.commands import COMMANDS
from dexposure_core.forecast import FORECASTERS
from dexposure_core.measures import MEASURES
from dexposure_core.network import BASES
from dexposure_core.pipeline.evaluation import kept
from dexposure_core.settings import SETTINGS
from dexposure_core.stress import RULES, SCENARIOS
from dexposure_core.ui.navigation import PAGES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def text_of(*names: str) -> str:
    return "\n".join((DOCS / name).read_text("utf-8") for name in names)


def test_generated_parts_are_in_sync():
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    assert module.main(["--check"]) == 0


@pytest.mark.parametrize("measure", MEASURES, ids=lambda m: m.name)
def test_every_measure_is_documented(measure):
    assert f"`{measure.name}`" in text_of("measures.md")
    assert measure.help.strip()
    assert measure.reference.strip()


def test_every_rule_scenario_setting_error_and_command_is_documented():
    stress, operations, cli = text_of("stress.md"), text_of("operations.md"), text_of("cli.md")
    assert all(f"`{r.name}`" in stress for r in RULES)
    assert all(f"`{s.name}`" in stress for s in SCENARIOS)
    assert all(f"DEXPOSURE_{s.name.upper()}" in operations for s in SETTINGS)
    family = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.DexposureError)]
    assert all(f"`{c.__name__}`" in operations for c in family)
    assert all(f"### dexposure {c.name}" in cli for c in COMMANDS)


def test_every_forecaster_is_named_in_the_docs():
    named = text_of("forecasting.md") + (ROOT / "data/model/README.md").read_text("utf-8")
    assert all(f.name in named for f in FORECASTERS)


def _without_code(page):
    """Return a page's text without its code spans, in which brackets are no links."""
    return re.sub(r"`[^`\n]*`", "", page.read_text("utf-8"))


def test_links_between_pages_lead_somewhere():
    pages = [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "data/README.md"]
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", _without_code(page))
        if not (page.parent / link).exists()
    ]
    assert broken == []


def _blocks():
    return re.findall(r"^```python\n(.*?)^```", (DOCS / "analyst.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(_blocks())))
def test_the_analysts_examples_run(number):
    command = [sys.executable, "-c", _blocks()[number]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()


def test_the_tour_shows_every_page():
    tour = (DOCS / "tour.md").read_text("utf-8")
    assert [page.key for page in PAGES if f"(pictures/{page.key}.png)" not in tour] == []


def test_figures_of_the_evaluation_in_the_docs_are_counted_two_ways():
    """What the docs say of the shipped forecast, worked out here from the document itself and not from its views."""
    found, text = kept.read(ROOT / "data" / "model"), text_of("forecasting.md")
    worse = [sum(s["verdict"] == "worse" and s["basis"] == b for s in found.document["standings"]) for b in BASES]
    assert f"| `dexposure` | {sum(worse)} | {worse[0]} | {worse[1]} |" in text
    for basis, said in (("holdings", "holdings"), ("flow", "flows")):
        held = [
            [
                r["value"] for r in rows.to_dicts()
                if r["basis"] == basis and r["forecaster"] == "dexposure" and r["value"] is not None
                and r["metric"].startswith("coverage_90_known_")
            ]
            for rows in (found.rows, *found.event_rows.partition_by("event", maintain_order=True))
        ]  # fmt: skip
        means = " | ".join(f"{100 * sum(values) / len(values):.1f} %" for values in held)
        assert f"| {said} | known protocols | {means} |" in text
