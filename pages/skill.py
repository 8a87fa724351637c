"""Skill: where does the forecast help, and where does it not?"""

import streamlit as st

from dexposure_core.errors import DexposureError
from dexposure_core.ui import controls, frame, lookups, resources, text
from dexposure_core.ui.skill import doubts, panels, rivals, words

view = frame.require("skill")
origin = view.provenance(date=False)
try:
    evaluation = lookups.evaluation()
except DexposureError as error:
    frame.headline("How good the forecast is **has not been measured** for the weights in use.")
    frame.empty("No evaluation to show", text.reason(error), words.REMEDY)
    frame.footer(origin, method="forecasting")
    st.stop()

shown = panels.Shown(view=view, evaluation=evaluation, data=origin)
# One part at a time, its name in the address: /skill?part=weeks
PARTS = {
    "short": panels.Part("In short", panels.short),
    "probabilities": panels.Part("Probabilities", panels.probabilities),
    "weeks": panels.Part("Week by week", panels.weeks),
    "baselines": panels.Part("Every method", rivals.baselines),
    "measures": panels.Part("Measures and stress", panels.measures),
    "events": panels.Part("Terra, FTX, SVB", panels.events),
    "doubts": panels.Part("Doubts", doubts.doubts),
}
frame.headline(shown.answer())
for caveat in words.caveats(evaluation, view.vintage, resources.store(view.vintage).manifest.content_hash):
    st.info(text.markdown(caveat), icon=":material/info:")
part = controls.choice("part", "Part", list(PARTS), format_func=lambda key: PARTS[key].title, style="segments")
PARTS[part].draw(shown)
if part != "events":  # those have weights and origins of their own, which that part says
    st.caption(words.circumstances(evaluation))
frame.footer(shown.source(), method="forecasting")
