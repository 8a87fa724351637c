"""method page."""

from dexposure_core.ui import frame

view = frame.require("method")
frame.headline("This page is being built.")
frame.footer(view.provenance())
