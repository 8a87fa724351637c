"""`dexposure health`: whether the dashboard answers and the store opens, for service managers and reverse proxies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from dexposure_core.cli.context import Context
from dexposure_core.errors import DexposureError
from dexposure_core.pipeline.serving import answers
from dexposure_core.settings import load


@click.command()
@click.option("--url", help="Address of the dashboard. Default: DEXPOSURE_HOST and DEXPOSURE_PORT on this machine.")
@click.option("--timeout", type=click.FloatRange(0.1, 600), default=10.0, show_default=True, help="Seconds to wait.")
@click.pass_context
def health(click_context: click.Context, url: str | None, timeout: float) -> None:
    """Ask the dashboard whether it is up, and open the store; exit 0 when both are well, 1 when one is not."""
    ctx: Context = click_context.obj
    server = answers(url or _own_address(), timeout)
    store = _store(ctx)
    document = {"healthy": server["ok"] and store["ok"], "server": server, "store": store}

    def lines() -> Iterator[str]:
        for name, part in (("dashboard", server), ("store", store)):
            yield f"{name}: {'ok' if part['ok'] else 'NOT WELL'}, {part['detail']}"

    ctx.show(document, lines)
    click_context.exit(0 if document["healthy"] else 1)


def _own_address() -> str:
    settings = load()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  listens on all
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _store(ctx: Context) -> dict[str, Any]:
    """Open the store as the dashboard does: every file of the vintage is there, with the size it was published with."""
    try:
        store = ctx.open()
        last = store.dates(store.bases()[0])[-1]
    except DexposureError as error:
        return {"ok": False, "vintage": None, "detail": " ".join(str(error).split())}
    return {"ok": True, "vintage": store.vintage, "detail": f"vintage {store.vintage}, last snapshot {last}"}
