"""The dashboard's log: one line a run, whatever happened, and nothing private in it."""

import json
import logging

import pytest
from streamlit.runtime.scriptrunner import RerunException, StopException
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

from dexposure_core.errors import UnknownDate
from dexposure_core.ui.running import journal


@pytest.fixture
def log(tmp_path, monkeypatch):
    file = tmp_path / "log"
    monkeypatch.setenv("DEXPOSURE_LOG", str(file))
    return lambda: [json.loads(line) for line in file.read_text().splitlines()]


def run(error: BaseException | None = None, met: Exception | None = None) -> None:
    with journal.page_run("network"):
        journal.shows("2025-01-06-abc", "flow")
        if met:
            journal.meets(met)
        if error:
            raise error


ENDS = [
    (None, None, "ok", "info"), (None, UnknownDate("x"), "partial", "warning"),
    (RerunException(RerunData()), None, "rerun", "info"), (StopException(), None, "stopped", "info"),
    (StopException(), UnknownDate("x"), "refused", "warning"), (ZeroDivisionError("by zero"), None, "failed", "error"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "met", "outcome", "level"), ENDS, ids=str)
def test_every_run_ends_in_one_line(log, error, met, outcome, level):
    if error is None:
        run(error, met)
    else:
        with pytest.raises(type(error)):
            run(error, met)
    [line] = log()
    assert (line["outcome"], line["level"], line["page"]) == (outcome, level, "network")
    assert (line["vintage"], line["basis"]) == ("2025-01-06-abc", "flow")
    assert line["ms"] >= 0
    assert line.get("error") == {"failed": "ZeroDivisionError"}.get(outcome, type(met).__name__ if met else None)


def test_a_failure_names_the_places_in_our_code_and_is_told_once(log):
    with pytest.raises(UnknownDate) as failed:
        run(UnknownDate("No snapshot on 'somebody typed this'"))
    logger = logging.getLogger("streamlit.error_util")
    logger.error("Uncaught app execution", exc_info=failed.value)
    [line] = log()
    assert any(place.startswith("tests/ui/running/test_journal.py:") for place in line["at"])
    assert "typed" not in json.dumps(line)


def test_an_error_in_a_callback_has_a_line_too(log, capsys):
    run()
    error = KeyError("somebody typed this")
    logging.getLogger("streamlit.error_util").error("Uncaught app execution", exc_info=error)
    assert [line["event"] for line in log()] == ["page", "error"]
    assert log()[1]["error"] == "KeyError"
    assert "typed" not in capsys.readouterr().err


PRIVATE = [
    "No protocol 'private'", "No protocol 'it's private'; did you mean 'x'?", 'No “private” here', "a `private` b",
    "GET https://someone:private@host/private?x=private failed", "Authorization: Bearer private",
    "password=private", "API_KEY = private", "x_token:private", "'private\nprivate'", "Cookie: a=private",
]  # fmt: skip


@pytest.mark.parametrize("message", PRIVATE)
def test_what_may_be_private_is_left_out(message):
    assert "private" not in journal.harmless(message)


def test_values_of_the_link_are_left_out_also_without_quotes():
    told = journal.harmless("cannot read <b>me</b> now, at week 12", ("<b>me</b>", "12"))
    assert told == "cannot read ‹…› now, at week 12"


def test_a_message_stays_one_short_line():
    told = journal.harmless('a\n{"level": 1}\u2028b\x1b[31m' + "x" * 1000)
    assert len(told) == 300
    assert not set(told) & set("\n\u2028\x1b")


def test_a_log_that_cannot_be_written_does_not_stop_the_page(monkeypatch, tmp_path):
    monkeypatch.setenv("DEXPOSURE_LOG", str(tmp_path / "gone" / "log"))
    run()  # raises nothing
    assert list(tmp_path.iterdir()) == []


def test_a_log_may_be_moved_away_at_any_time(log, tmp_path):
    run()
    (tmp_path / "log").rename(tmp_path / "log.1")
    run()
    assert len(log()) == 1
    assert (tmp_path / "log.1").read_text().count("\n") == 1
