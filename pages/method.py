"""Method: how is every number defined, and what does it not say?"""

import streamlit as st

from dexposure_core.ui import controls, frame, manual

view = frame.require("method")
answer = st.container()
topic = controls.choice("topic", "Topic", list(manual.TOPICS), format_func=manual.TOPICS.__getitem__, style="segments")
with answer:
    frame.headline(manual.answer(topic))
with st.container(key="manual"):
    st.markdown(manual.body(topic))
frame.footer(view.provenance(date=False), method="")
