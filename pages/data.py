"""data page."""

from dexposure_core.ui import frame

view = frame.require("data")
frame.headline("This page is being built.")
frame.footer(view.provenance())
