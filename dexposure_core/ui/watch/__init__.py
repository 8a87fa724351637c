"""Alerts and events: what is watched, by whose rules, and the briefing that tells of it."""
