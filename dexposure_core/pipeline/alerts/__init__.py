"""Alerts: rules over indicators, protocols and exposures, what they say on a date, and what their past says of them."""

from __future__ import annotations

from dexposure_core.pipeline.alerts.report import Alerts, alerts, as_grave_as, document, feed, outlooks, records
from dexposure_core.pipeline.alerts.rule_file import RuleFile, parse_rules, read_rules, rules_of, shipped
from dexposure_core.pipeline.alerts.rules import SEVERITIES, Rule, as_lines, parse_line, parse_lines

__all__ = [
    "SEVERITIES",
    "Alerts",
    "Rule",
    "RuleFile",
    "alerts",
    "as_grave_as",
    "as_lines",
    "document",
    "feed",
    "outlooks",
    "parse_line",
    "parse_lines",
    "parse_rules",
    "read_rules",
    "records",
    "rules_of",
    "shipped",
]
