"""Method: how is every number defined, and what does it not say?"""

import streamlit as st

from dexposure_core.pipeline.definitions import DEFINITIONS
from dexposure_core.ui import controls, explain, frame, manual

view = frame.require("method")
answer = st.container()
topic = controls.choice("topic", "Topic", list(manual.TOPICS), format_func=manual.TOPICS.__getitem__, style="segments")
with answer:
    frame.headline(manual.answer(topic))
if topic == "measures":
    names = {definition.key: definition.title for definition in DEFINITIONS}
    asked = controls.choice("of", "Indicator", ["all", *names], format_func=lambda key: names.get(key, "All of them"))
    if asked != "all":
        explain.section(asked)
with st.container(key="manual"):
    st.markdown(manual.body(topic))
frame.footer(view.provenance(date=False), method="")
