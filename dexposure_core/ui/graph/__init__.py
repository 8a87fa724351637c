"""The exposure network drawn for the screen: one self-contained HTML page that loads nothing from anywhere.

What it shows and where comes from `pipeline.picture`. Nothing here knows Streamlit.
"""

from dexposure_core.ui.graph.ego import Ego, ego
from dexposure_core.ui.graph.render import Edge, Ink, LegendEntry, Node, draw

__all__ = ["Edge", "Ego", "Ink", "LegendEntry", "Node", "draw", "ego"]
