"""The command line `dexposure`: thin over `pipeline`, one module a family of commands.

Commands are imported when they are called, so that `dexposure measure` does not pay for torch or Streamlit.
Exit status: 0 fine, 2 bad usage or bad input (one line on standard error), 1 our own fault,
3 `check --fail-on` found something.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from dexposure_core.errors import DexposureError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit with its status."""
    import click

    from dexposure_core.cli.commands import dexposure
    from dexposure_core.cli.context import hoist

    try:
        words = hoist(sys.argv[1:] if argv is None else argv)
        status = dexposure.main(args=words, prog_name="dexposure", standalone_mode=False)
        if isinstance(status, int):  # what a command asked for with `Exit`; others return nothing
            sys.exit(status)
    except DexposureError as error:
        _refuse(str(error))
    except click.ClickException as error:
        _refuse(f"{error.format_message()} (see `dexposure --help`)")
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.stderr.write("dexposure: stopped; nothing was published\n")
        sys.exit(130)
    except BrokenPipeError:  # the reader (`| head`) left; nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _refuse(message: str) -> None:
    from dexposure_core.cli.context import plain

    line = " ".join(plain(message).split())
    sys.stderr.write(f"dexposure: {line}\n")
    sys.exit(2)
