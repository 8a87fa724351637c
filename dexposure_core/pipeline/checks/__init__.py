"""Checks of a finished vintage: one table (`catalogue.CHECKS`), read by CLI, Data page and docs alike."""
