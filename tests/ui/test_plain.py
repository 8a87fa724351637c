"""A figure of plain dicts means what Plotly's own figure means, and Plotly takes it as it is."""

import datetime as dt
import json
import math

import numpy as np
import plotly.graph_objects as go
import plotly.io
import pytest

from dexposure_core.ui.charts import base, plain


def sent(figure):
    """What the browser gets."""
    return json.loads(plotly.io.to_json(figure.to_dict(), validate=False))


def test_it_says_what_plotly_says():
    ours, theirs = plain.Figure(), go.Figure()
    for drawn, scatter in ((ours, plain.scatter), (theirs, go.Scatter)):
        drawn.update_xaxes(exponentformat="none")
        drawn.update_layout(title={"text": "T", "subtitle": {"text": "S"}}, margin={"l": 8, "b": 4})
        drawn.add_trace(scatter(x=[1, 2], y=[None, 3.5], error_x=None, line={"width": 2, "color": None}))
        drawn.update_layout(margin={"t": 3, "b": None}, height=None)
        drawn.layout.title.subtitle.text = "USD"
        drawn.add_hline(y=2, line={"dash": "dot"})
        drawn.add_vline(x=dt.date(2025, 1, 6))
        drawn.add_hrect(y0=0, y1=1, layer="below")
        drawn.layout.annotations += ({"text": "A", "x": 1},)
        drawn.add_annotation(text="B", y=2)
        drawn.update_annotations(font={"size": 9})
        drawn.update_yaxes(range=[0, 1], tickvals=[0, 1])
        drawn.layout.template = {"layout": {"height": 50}}
    assert sent(ours) == sent(theirs)


def test_dates_arrays_and_what_is_not_finite_are_written_as_json_knows_them():
    drawn = plain.Figure()
    drawn.add_trace(
        plain.heatmap(x=[dt.date(2025, 1, 6), None], y=np.arange(2), z=np.array([[1.5, math.nan]]), zmax=math.inf)
    )
    [trace] = sent(drawn)["data"]
    assert trace == {"type": "heatmap", "x": ["2025-01-06", None], "y": [0, 1], "z": [[1.5, None]], "zmax": None}


def test_reading_begins_no_part_of_the_figure_that_is_sent():
    drawn = plain.Figure()
    assert drawn.layout.height is None
    assert (drawn.layout.margin.l or 8) == 8
    assert drawn.layout.annotations == ()
    assert sent(drawn) == {"data": [], "layout": {}}


def test_plotly_refuses_what_it_does_not_know():
    drawn = base.figure("T", "USD")
    drawn.add_trace(plain.bar(x=[1], y=[1], colour="#FFFFFF"))
    with pytest.raises(ValueError, match="colour"):
        drawn.checked()


def test_several_plots_share_a_figure():
    drawn = plain.subplots(["one", "two"], rows=1, cols=2)
    drawn.add_trace(plain.scatter(x=[1], y=[1]) | plain.axes(2))
    told = sent(drawn)
    assert [line["text"] for line in told["layout"]["annotations"]] == ["one", "two"]
    assert (told["data"][0]["xaxis"], told["data"][0]["yaxis"]) == ("x2", "y2")
    again = plain.subplots(["three", "four"], rows=1, cols=2)
    assert [line.text for line in again.layout.annotations] == ["three", "four"]
    assert [line.text for line in drawn.layout.annotations] == ["one", "two"]


def test_what_changes_a_figure_returns_it():
    drawn = plain.Figure()
    assert all(
        change() is drawn
        for change in (
            lambda: drawn.add_trace(plain.bar(x=[1], y=[2])), lambda: drawn.update_layout(height=300),
            lambda: drawn.update_xaxes(title="x"), lambda: drawn.update_yaxes(range=[1, 0]),
            lambda: drawn.add_annotation(text="a", x=1, y=1), lambda: drawn.update_annotations(font={"size": 9}),
            lambda: drawn.add_shape(type="line", x0=0, x1=1, y0=0, y1=1), lambda: drawn.add_hline(1.0),
            lambda: drawn.add_vline(1.0), lambda: drawn.add_hrect(0.0, 1.0),
        )
    )  # fmt: skip
