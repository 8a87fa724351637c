"""How screens remember between runs: every `st.cache_*` of the product is in this file."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import streamlit as st

from dexposure_core.ui.running import turns

P = ParamSpec("P")
R = TypeVar("R")


def kept(entries: int, spinner: str | bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keep up to that many results for all sessions; `spinner` says what is being computed.

    A run that asks for what another one is computing gives its turn up and waits.
    """
    keep = st.cache_resource(max_entries=entries, show_spinner=spinner)

    def decorated(compute: Callable[P, R]) -> Callable[P, R]:
        computing: set[tuple[object, ...]] = set()

        @functools.wraps(compute)
        def computed(*args: P.args, **kwargs: P.kwargs) -> R:
            computing.add(args)
            try:
                return compute(*args, **kwargs)
            finally:
                computing.discard(args)

        remembered = cast("Callable[P, R]", keep(computed))

        @functools.wraps(compute)
        def looked_up(*args: P.args, **kwargs: P.kwargs) -> R:
            if args in computing:
                turns.leave()
            return remembered(*args, **kwargs)

        return looked_up

    return decorated
