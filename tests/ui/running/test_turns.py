"""Who computes now: first come, first served, every way out gives the place back, nobody waits for ever."""

import threading
import time

import pytest
from streamlit.runtime.scriptrunner import RerunData, RerunException, StopException

from dexposure_core.ui import keeping
from dexposure_core.ui.running import turns


class Gone(Exception):
    pass


@pytest.fixture
def one(monkeypatch):
    """One place; whoever waits is asked often whether the visitor still wants the page."""
    made = turns.Turns(1, lease=60.0, patience=60.0)
    monkeypatch.setattr(turns, "_TURNS", made)
    monkeypatch.setattr(turns, "_LOOK", 0.01)
    return made


class Run(threading.Thread):
    """A page run: waits for its turn, notes that it has begun, then works until it is told to end."""

    def __init__(self, log, name, work=lambda: None):
        super().__init__(daemon=True)
        self.log, self.label, self.work = log, name, work
        self.begun, self.end = threading.Event(), threading.Event()
        self.start()

    def run(self):
        with turns.turn():
            self.log.append(self.label)
            self.begun.set()
            self.work()
            self.end.wait(30)

    def done(self):
        self.end.set()
        self.join(30)
        assert not self.is_alive()


def queued(gate, number):
    while len(gate._queue) < number:
        time.sleep(0.001)


def idle(gate):
    return not gate._held and not gate._queue


def test_who_came_first_computes_first_and_one_at_a_time(one):
    log = []
    first = Run(log, 1)
    assert first.begun.wait(30)
    others = []
    for number in (2, 3, 4):
        others.append(Run(log, number))
        queued(one, number - 1)
    assert log == [1]
    first.done()
    for run, so_far in zip(others, ([1, 2], [1, 2, 3], [1, 2, 3, 4]), strict=True):
        assert run.begun.wait(30)
        assert log == so_far
        run.done()
    assert idle(one)


@pytest.mark.parametrize("way_out", [ValueError, KeyboardInterrupt, StopException, RerunException(RerunData())])
def test_every_way_out_gives_the_place_back(one, way_out):
    with pytest.raises((ValueError, KeyboardInterrupt, StopException, RerunException)), turns.turn():  # noqa: PT012
        assert len(one._held) == 1
        raise way_out
    assert idle(one)


def test_whoever_waits_for_something_else_lets_the_next_one_compute_and_never_asks_again(one):
    log = []
    first = Run(log, 1, turns.leave)
    assert first.begun.wait(30)
    second = Run(log, 2)
    assert second.begun.wait(30)  # while the first still runs
    third = Run(log, 3)
    queued(one, 1)
    first.done()  # gives nothing back a second time: the third still waits for the second
    assert log == [1, 2]
    second.done()
    assert third.begun.wait(30)
    third.done()
    assert idle(one)


def test_a_visitor_who_clicks_elsewhere_while_waiting_is_not_computed_for(one, monkeypatch):
    first = Run([], 1)
    assert first.begun.wait(30)
    asked = []

    def wanted():
        asked.append(True)
        if len(asked) == 3:
            raise Gone

    monkeypatch.setattr(turns, "_wanted", wanted)
    with pytest.raises(Gone), turns.turn():
        pytest.fail("it was computed for")
    assert not one._queue
    first.done()
    assert idle(one)


def test_a_run_goes_on_without_a_place_when_it_has_waited_long_enough():
    gate = turns.Turns(1, lease=60.0, patience=0.02)
    first, second = turns._Ticket(), turns._Ticket()
    gate.take(first, lambda: None)
    gate.take(second, lambda: None)
    assert not second.called.is_set()
    gate.give_up(second)
    gate.give_up(first)
    assert idle(gate)


def test_a_run_that_computes_for_long_no_longer_holds_the_others_up(monkeypatch):
    monkeypatch.setattr(turns, "_LOOK", 0.01)
    gate = turns.Turns(1, lease=0.02, patience=60.0)
    first, second = turns._Ticket(), turns._Ticket()
    gate.take(first, lambda: None)
    gate.take(second, lambda: None)
    assert second.called.is_set()
    gate.give_up(first)  # late; it takes nothing from the second
    assert gate._held == {second}


def test_outside_a_page_run_there_is_nothing_to_give_up(one):
    turns.leave()
    assert idle(one)


def test_who_asks_for_what_another_run_computes_gives_its_place_up(one):
    started, finish, log = threading.Event(), threading.Event(), []

    @keeping.kept(2)
    def slow(number: int) -> int:
        """Wait."""
        started.set()
        finish.wait(30)
        return 2 * number

    first = Run(log, 1, lambda: (turns.leave(), log.append(slow(21))))  # as for a forecast: leaves, then waits
    assert started.wait(30)
    second = Run(log, 2, lambda: log.append(slow(21)))
    assert second.begun.wait(30)
    third = Run(log, 3)
    assert third.begun.wait(30)  # the second waits for the first and holds no place meanwhile
    finish.set()
    for run in (first, second, third):
        run.done()
    assert sorted(log) == [1, 2, 3, 42, 42]
    assert idle(one)


def test_no_more_is_kept_than_was_said():
    made = []

    @keeping.kept(2)
    def square(number: int) -> int:
        """Count how often it is computed."""
        made.append(number)
        return number * number

    assert [square(n) for n in (1, 2, 3, 3, 2)] == [1, 4, 9, 9, 4]
    assert made == [1, 2, 3]
    square(1)  # went when the third came
    assert made == [1, 2, 3, 1]
