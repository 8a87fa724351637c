"""The exposure network as a picture: what to show (backbone), where (layout), and how (render).

Choosing and placing are pure functions of snapshots; drawing makes one self-contained HTML page that loads nothing
from anywhere. Nothing here knows Streamlit.
"""

from dexposure_core.ui.graph.backbone import Cut, backbone
from dexposure_core.ui.graph.ego import Ego, ego
from dexposure_core.ui.graph.layout import Layout, layout
from dexposure_core.ui.graph.render import Edge, Ink, LegendEntry, Node, draw

__all__ = ["Cut", "Edge", "Ego", "Ink", "Layout", "LegendEntry", "Node", "backbone", "draw", "ego", "layout"]
