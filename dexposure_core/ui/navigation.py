"""The dashboard's pages: one tuple, read by the navigation, the links, the docs and the tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Page:
    """One screen.

    Args:
        key: name in the URL (`/key`) and of the file `pages/key.py`.
        title: heading and label in the menu.
        icon: Material icon of the menu entry.
        question: what the page answers, one sentence.
        controls: which of the sidebar's controls the page obeys, of basis, date, protocol, horizon and chains.
        section: heading in the menu.
    """

    key: str
    title: str
    icon: str
    question: str
    controls: tuple[str, ...] = ("basis", "date", "chains")
    section: str = "Observe"

    @property
    def file(self) -> Path:
        """Return the page's script."""
        return ROOT / "pages" / f"{self.key}.py"


PAGES: Final[tuple[Page, ...]] = (
    Page(
        key="overview",
        title="Overview",
        icon=":material/monitoring:",
        question="Is the system more fragile than last week, where, and why?",
    ),
    Page(
        key="alerts",
        title="Alerts",
        icon=":material/notifications:",
        question="What is out of the ordinary, and how often was such an alarm for nothing?",
        controls=("basis", "date", "protocol", "horizon", "chains"),
    ),
    Page(
        key="network",
        title="Network",
        icon=":material/hub:",
        question="Who is exposed to whom?",
        controls=("basis", "date", "protocol", "chains"),
    ),
    Page(
        key="protocol",
        title="Protocol",
        icon=":material/account_balance:",
        question="What does this protocol hold, who depends on it, and what if it fails?",
        controls=("basis", "date", "protocol", "horizon", "chains"),
    ),
    Page(
        key="spillover",
        title="Spillover",
        icon=":material/grid_on:",
        question="Where does exposure cross from one sector to another?",
    ),
    Page(
        key="concentration",
        title="Concentration",
        icon=":material/stacked_bar_chart:",
        question="How concentrated is the system, and how did that move?",
    ),
    Page(
        key="chains",
        title="Chains",
        icon=":material/account_tree:",
        question="Which chains carry the system, and what ties them together?",
        controls=("date",),
    ),
    Page(
        key="events",
        title="Events",
        icon=":material/event:",
        question="What did an event of the past do to the system?",
        controls=("basis", "chains"),
    ),
    Page(
        key="contagion",
        title="Contagion",
        icon=":material/crisis_alert:",
        question="If something fails, who loses how much?",
        controls=("basis", "date", "protocol", "chains"),
        section="Test and look ahead",
    ),
    Page(
        key="forecast",
        title="Forecast",
        icon=":material/timeline:",
        question="What is expected to change in the coming weeks?",
        controls=("basis", "date", "protocol", "horizon"),
        section="Test and look ahead",
    ),
    Page(
        key="skill",
        title="Skill",
        icon=":material/fact_check:",
        question="Where does the forecast help, and where does it not?",
        controls=("basis", "horizon"),
        section="Test and look ahead",
    ),
    Page(
        key="data",
        title="Data",
        icon=":material/database:",
        question="Where do the numbers come from, and do they reconcile?",
        controls=("basis", "date"),
        section="Check",
    ),
    Page(
        key="method",
        title="Method",
        icon=":material/menu_book:",
        question="How is every number defined, and what does it not say?",
        controls=(),
        section="Check",
    ),
)


def page(key: str) -> Page:
    """Return the page of that key.

    Raises:
        KeyError: when there is none.
    """
    return {p.key: p for p in PAGES}[key]
