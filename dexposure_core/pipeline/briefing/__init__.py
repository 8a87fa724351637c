"""The weekly briefing: one date told in sentences, figures and tables, as one file that people print and cite.

`facts` gathers every number, `sections` says and draws them, `page` puts them on paper. Figures are SVG written here,
so that no browser is needed, nothing is fetched, and the same vintage gives the same bytes but for the line of time.
"""

from dexposure_core.pipeline.briefing.facts import Ask
from dexposure_core.pipeline.briefing.files import ENDINGS, briefing, check, write

__all__ = ["ENDINGS", "Ask", "briefing", "check", "write"]
