"""overview page."""

from dexposure_core.ui import frame

view = frame.require("overview")
frame.headline("This page is being built.")
frame.footer(view.provenance())
