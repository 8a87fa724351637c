"""A store that the command line itself built from small files, and a way to run commands."""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from dexposure_core.cli import main
from dexposure_core.pipeline.serving import answers


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def run_cli(*arguments: str, **environment: str) -> Run:
    command = [sys.executable, "-c", "from dexposure_core.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, env=os.environ | environment, timeout=300, check=False)
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_here(*arguments: str) -> Run:
    """The same in this process: quicker, for commands whose start-up is not the question."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(a) for a in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Run(code, out.getvalue(), err.getvalue())


HOLDINGS = """date,protocol_id,chain,token,quantity,value_usd
2025-06-02,lend,Ethereum,USDX,100,100
2025-06-02,lend,Ethereum,SHARE,50,25
2025-06-02,swap,Ethereum,USDX,400,400
2025-06-02,swap,Arbitrum,RECEIPT,10,30
2025-06-09,lend,Ethereum,USDX,100,90
2025-06-09,lend,Ethereum,SHARE,50,30
2025-06-09,swap,Ethereum,USDX,300,270
2025-06-09,swap,Arbitrum,RECEIPT,20,50
"""
# USDX is nobody's: its own issuer. SHARE is issued by swap, RECEIPT by lend.
TOKENS = "token,issuer\nSHARE,swap\nRECEIPT,lend\n"
PROTOCOLS = "protocol_id,name,category,sector\nlend,Lend & Co,Lending,Credit\nswap,Swap,Dexes,Exchange\n"


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    for name, text in {"holdings.csv": HOLDINGS, "tokens.csv": TOKENS, "protocols.csv": PROTOCOLS}.items():
        (folder / name).write_text(text)
    path = folder / "store"
    done = run_cli(
        "--store", path, "import", "holdings", folder / "holdings.csv",
        "--tokens", folder / "tokens.csv", "--protocols", folder / "protocols.csv", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["coverage"]["difference_usd"] == 0
    return path


@dataclass
class Running:
    url: str
    process: subprocess.Popen

    def stop(self, signal_number: int) -> tuple[int, str]:
        """Send a signal; return the exit status and all of standard error."""
        self.process.send_signal(signal_number)
        _, err = self.process.communicate(timeout=60)
        return self.process.returncode, err.decode()


@contextlib.contextmanager
def running(store, *options, **environment):
    """A real `dexposure serve` on a free port of this machine, ready to answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {k: v for k, v in os.environ.items() if not k.startswith("DEXPOSURE_")}
    command = [sys.executable, "-c", "from dexposure_core.cli import main; main()", "--store", str(store), "serve"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--no-browser", *map(str, options)], env=own | environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while not answers(url, 5)["ok"]:
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline, "the server did not answer within 90 seconds"
            time.sleep(0.2)
        yield Running(url, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
