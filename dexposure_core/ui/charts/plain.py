"""A figure as Plotly's script reads it, put together from plain dicts.

Plotly's own figure checks every property against its whole schema and copies it at every step. That took more than half
of a page's processor time, and the pages' figures are the same for every visitor but for their numbers: the tests
check each of them once (`Figure.checked`). Here are only those of Plotly's calls that the charts use, with Plotly's
meaning: parts are merged, None takes a property away.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Self

from plotly.basedatatypes import BaseFigure

_MANY: Final = ("annotations", "shapes")
_PARTS: Final = ("font", "line", "link", "margin", "marker", "node", "subtitle", "title", "xaxis", "yaxis")
_ATOMS: Final = (str, int, bool, type(None))


class Node(dict[str, Any]):
    """A part of a figure whose properties are read and written as attributes; what is not set is None, or empty."""

    def __getattr__(self, name: str) -> Any:
        """Return a property; a part that is not there yet is begun."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self:
            return self[name]
        if name in _PARTS:
            self[name] = Node()
            return self[name]
        return () if name in _MANY else None

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a property."""
        self[name] = _kept(value)

    def merge(self, given: Mapping[str, Any]) -> None:
        """Set properties; what is given for a part is merged into it, None takes a property away."""
        for name, value in given.items():
            held = self.get(name)
            if value is None:
                self.pop(name, None)
            elif isinstance(held, Node) and isinstance(value, Mapping):
                held.merge(value)
            else:
                self[name] = _kept(value)


class Figure:
    """Traces and layout; see Plotly's `Figure` for what the methods do."""

    def __init__(self, data: Iterable[Mapping[str, Any]] = (), layout: Mapping[str, Any] | None = None) -> None:
        self.data = [_node(trace) for trace in data]
        self.layout = _node(layout or {})

    def add_trace(self, trace: Mapping[str, Any]) -> Self:
        """Add a trace."""
        self.data.append(_node(trace))
        return self

    def update_layout(self, **properties: Any) -> Self:
        """Merge properties into the layout."""
        self.layout.merge(properties)
        return self

    def update_xaxes(self, **properties: Any) -> Self:
        """Merge properties into every horizontal axis."""
        self._update_axes("xaxis", properties)
        return self

    def update_yaxes(self, **properties: Any) -> Self:
        """Merge properties into every vertical axis."""
        self._update_axes("yaxis", properties)
        return self

    def update_annotations(self, **properties: Any) -> Self:
        """Merge properties into every annotation that is there."""
        for line in self.layout.annotations:
            line.merge(properties)
        return self

    def add_annotation(self, **annotation: Any) -> Self:
        """Add an annotation."""
        self.layout.annotations += (annotation,)
        return self

    def add_shape(self, **shape: Any) -> Self:
        """Add a shape."""
        self.layout.shapes += (shape,)
        return self

    def add_hline(self, y: float, **shape: Any) -> Self:
        """Add a line across the plot."""
        self.add_shape(type="line", x0=0, x1=1, xref="x domain", y0=y, y1=y, yref="y", **shape)
        return self

    def add_vline(self, x: float, **shape: Any) -> Self:
        """Add a line from the plot's foot to its top."""
        self.add_shape(type="line", x0=x, x1=x, xref="x", y0=0, y1=1, yref="y domain", **shape)
        return self

    def add_hrect(self, y0: float, y1: float, **shape: Any) -> Self:
        """Add a rectangle across the plot."""
        self.add_shape(type="rect", x0=0, x1=1, xref="x domain", y0=y0, y1=y1, yref="y", **shape)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as JSON knows it: dates as ISO text, arrays as lists, null for what is not finite."""
        return {"data": [_wire(trace) for trace in self.data], "layout": _wire(self.layout)}

    def checked(self) -> Any:
        """Return it as a figure of Plotly's own, for printing.

        Raises:
            ValueError: a property that Plotly does not know, or a value that it does not take.
        """
        import plotly.graph_objects as go

        return go.Figure(self.to_dict())

    def _update_axes(self, kind: str, properties: Mapping[str, Any]) -> None:
        for name in [name for name in self.layout if name.startswith(kind)] or [kind]:
            getattr(self.layout, name).merge(properties)


class Ready(BaseFigure):  # type: ignore[misc]  # Plotly has no types
    """A figure that Streamlit sends as it is; any dict it would check against Plotly's whole schema first."""

    def __init__(self, figure: Figure) -> None:
        """Keep the figure."""
        self._figure = figure

    def to_dict(self) -> dict[str, Any]:
        """Return what the browser draws."""
        return self._figure.to_dict()


def subplots(titles: Sequence[str], **grid: Any) -> Figure:
    """Return an empty figure of several plots, row by row; `grid` as of Plotly's `make_subplots`."""
    drawn = Figure(layout=_grid(len(titles), tuple(grid.items())))
    for line, title in zip(drawn.layout.annotations, titles, strict=True):
        line.text = title
    return drawn


def axes(number: int) -> dict[str, str]:
    """Return what puts a trace into a plot of several, counted from 1."""
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"} if number > 1 else {"xaxis": "x", "yaxis": "y"}


@lru_cache(maxsize=8)
def _grid(plots: int, grid: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    from plotly.subplots import make_subplots

    layout: dict[str, Any] = make_subplots(subplot_titles=["-"] * plots, **dict(grid)).to_dict()["layout"]
    return {name: part for name, part in layout.items() if name != "template"}


def scatter(**properties: Any) -> Node:
    """Return a trace of lines, marks or text."""
    return _trace("scatter", properties)


def scattergl(**properties: Any) -> Node:
    """Return a trace of lines, marks or text, drawn by WebGL."""
    return _trace("scattergl", properties)


def bar(**properties: Any) -> Node:
    """Return a trace of bars."""
    return _trace("bar", properties)


def heatmap(**properties: Any) -> Node:
    """Return a trace of coloured cells."""
    return _trace("heatmap", properties)


def histogram(**properties: Any) -> Node:
    """Return a trace of counts."""
    return _trace("histogram", properties)


def sankey(**properties: Any) -> Node:
    """Return a trace of bands between nodes."""
    return _trace("sankey", properties)


def _trace(kind: str, properties: dict[str, Any]) -> Node:
    return _node(properties | {"type": kind})


def _node(given: Mapping[str, Any]) -> Node:
    return Node({name: _kept(value) for name, value in given.items() if value is not None})


def _kept(value: Any) -> Any:
    """Return a part as a node of its own, several parts as a tuple of them, anything else as it is."""
    if isinstance(value, Mapping):
        return _node(value)
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        return tuple(map(_node, value))
    return value


def _wire(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: v if type(v) in _ATOMS else _wire(v) for k, v in value.items() if not _empty(v)}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [v if type(v) in _ATOMS else _wire(v) for v in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    return _wire(value.tolist()) if hasattr(value, "tolist") else value


def _empty(value: Any) -> bool:
    return isinstance(value, dict | tuple) and not value
