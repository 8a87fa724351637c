"""Visitors for load tests: they speak the browser's side of Streamlit's protocol, without a browser."""
