"""`dexposure serve`: the dashboard, on loopback unless told otherwise."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import tomllib
from pathlib import Path

import click

from dexposure_core.cli.context import Context
from dexposure_core.errors import BadOption
from dexposure_core.settings import load

APP = Path(__file__).resolve().parents[2] / "app.py"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SECRETS = ".streamlit/secrets.toml"
# Each visitor's thread would otherwise keep freed memory in an arena of its own (glibc reads all but the last), and
# polars would keep that of its last large table until the next one (its jemalloc). Where one threshold is set, glibc no
# longer adapts the other, and all blocks above 128 KB would go back to the system each time they are freed.
MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "1048576",
    "MALLOC_TRIM_THRESHOLD_": "16777216",
    "_RJEM_MALLOC_CONF": "background_thread:true,dirty_decay_ms:200,muzzy_decay_ms:0",
}


@click.command()
@click.option("--host", help="Address to listen on. Default: DEXPOSURE_HOST, else this machine only.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on. Default: DEXPOSURE_PORT, else 8501.")
@click.option(
    "--log",
    metavar="FILE",
    help="File for one JSON line per page run. Default: DEXPOSURE_LOG, else - (standard error).",
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.pass_obj
def serve(ctx: Context, host: str | None, port: int | None, log: str | None, no_browser: bool) -> None:
    """Open the dashboard on the store's latest vintage (or the one of --vintage)."""
    store = ctx.open()  # a wrong store or vintage is told here, in one line, not in the browser
    settings = load()
    host, port = host or settings.host, port or settings.port
    _check_free(host, port)
    signed = _signs_in()
    environment = (
        MEMORY | os.environ | {"DEXPOSURE_STORE": str(store.path.parent.resolve()), "DEXPOSURE_LOG": _log(log)}
    )
    if ctx.vintage:
        environment["DEXPOSURE_VINTAGE"] = store.vintage
    if host not in LOOPBACK and not signed:
        ctx.note(f"Note: {host}:{port} can be reached by others; the dashboard asks for no password.")
    ctx.note(f"Vintage {store.vintage} at http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port} (Ctrl-C stops)")  # noqa: S104
    command = [
        sys.executable, "-m", "dexposure_core.ui.running.process", "run", str(APP),
        "--server.address", host, "--server.port", str(port), "--server.headless", "true" if no_browser else "false",
        *(word for name in _names(host, settings.allowed_hosts) for word in ("--server.allowedHosts", name)),
    ]  # fmt: skip
    sys.stderr.flush()
    os.chdir(APP.parent)  # Streamlit reads .streamlit/config.toml from the working folder
    os.execve(sys.executable, command, environment)  # noqa: S606  no shell; the arguments are ours


def _signs_in() -> bool:
    """Return whether the dashboard asks its visitors to sign in: its secrets have an `[auth]` section.

    Raises:
        BadOption: when the secrets cannot be read, or what sign-in needs is not installed.
    """
    asked = False
    for path in (Path.home() / SECRETS, APP.parent / SECRETS):  # where Streamlit looks
        try:
            asked = "auth" in tomllib.loads(path.read_text("utf-8")) or asked
        except FileNotFoundError:
            continue
        except (OSError, ValueError):  # not told why: the reason may quote a secret
            raise BadOption(f"{path}: cannot be read as TOML; mend or remove it (see docs/security.md)") from None
    if asked and importlib.util.find_spec("authlib") is None:
        raise BadOption("Sign-in is configured but Authlib is not installed; say pip install 'dexposure-monitor[auth]'")
    return asked


def _names(host: str, allowed: str) -> list[str]:
    """Return the names under which browsers may open the dashboard, empty for any.

    On loopback only its own names, so that no web page can reach it under a name that it points here (DNS rebinding).
    """
    named = [name.strip() for name in allowed.split(",") if name.strip()]
    return [*LOOPBACK, *named] if named or host in LOOPBACK else []


def _log(asked: str | None) -> str:
    """Return the log's absolute place (`-`: standard error), after making sure that it can be written to."""
    place = load().log if asked is None else asked
    if place == "-":
        return place
    try:
        path = Path(place).expanduser().absolute()  # the server works in another folder than this one
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadOption(
            f"--log {place[:80]!r}: cannot be written: {reason}; name a file in a folder that exists"
        ) from None
    return str(path)


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadOption(
                f"Cannot listen on {host}:{port}: {error.strerror or error}; choose another --port"
            ) from None
