"""Frames to Plotly figures: one idea a module, every chart with a unit, direct labels and the same margins."""
