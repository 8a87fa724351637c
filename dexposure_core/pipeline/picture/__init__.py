"""What a picture of the network shows (backbone) and where (layout), the same on every screen and page.

Pure functions of snapshots; how it is drawn is up to who draws it.
"""

from dexposure_core.pipeline.picture.backbone import Cut, backbone
from dexposure_core.pipeline.picture.layout import Layout, layout, layout_of

__all__ = ["Cut", "Layout", "backbone", "layout", "layout_of"]
