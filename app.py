"""The dashboard's entry: `streamlit run app.py` (or `dexposure serve`)."""

from dexposure_core.ui import frame

frame.run()
