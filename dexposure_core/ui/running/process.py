"""The dashboard's process: Streamlit's own command line, and an end without noise.

At its end Python takes every module apart, and the query engine then lists, line by line, what others still hold of
it. Nothing is lost by leaving that out: stores are only read, and everything else is closed by then.
"""

from __future__ import annotations

import logging
import os
import sys

from streamlit.web.cli import main as streamlit


def main() -> None:
    """Run Streamlit with this process's arguments, then leave with its exit status."""
    status: object = 0
    try:
        streamlit(prog_name="streamlit")
    except SystemExit as end:
        status = end.code
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


if __name__ == "__main__":
    main()
