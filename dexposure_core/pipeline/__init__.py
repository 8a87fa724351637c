"""Joins the rooms: build a vintage, stress a stored snapshot, forecast then measure, report and export."""
