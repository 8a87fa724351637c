"""`dexposure health` says 0 when the dashboard answers and the store opens, and 1 with the reason when not."""

import http.server
import shutil
import signal
import socket
import threading

import pytest

from tests.cli.conftest import run_here, running


@pytest.mark.slow
def test_a_running_dashboard_is_well_until_it_stops(store):
    with running(store) as server:
        well = run_here("--store", store, "health", "--url", server.url, "--json")
        assert (well.code, well.json["healthy"], well.json["server"]["ok"]) == (0, True, True)
        server.stop(signal.SIGTERM)
        gone = run_here("--store", store, "health", "--url", server.url, "--json")
    assert (gone.code, gone.json["healthy"], gone.json["store"]["ok"]) == (1, False, True)
    assert "no answer" in gone.json["server"]["detail"]


@pytest.fixture
def another():
    """A web server that says ok to nobody's question but the dashboard's, and one that says something else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = {"/_stcore/health": (200, b"ok"), "/moved/_stcore/health": (302, b"")}.get(
                self.path, (200, b"<html>welcome</html>")
            )
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_store_that_does_not_open_is_not_well(store, another, tmp_path):
    broken = tmp_path / "store"
    shutil.copytree(store, broken)
    next(broken.glob("*/nodes/*.parquet")).unlink()
    done = run_here("--store", broken, "health", "--url", another, "--json")
    assert (done.code, done.json["server"]["ok"], done.json["store"]["ok"]) == (1, True, False)
    assert "missing" in done.json["store"]["detail"]
    assert run_here("--store", store, "health", "--url", another).code == 0


@pytest.mark.parametrize("path", ["/moved", "/other"])
def test_another_answer_is_not_the_dashboards(store, another, path):
    done = run_here("--store", store, "health", "--url", another + path)
    assert done.code == 1
    assert "dashboard: NOT WELL" in done.out


def test_a_server_that_never_answers_is_given_up(store):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://someone:secret@127.0.0.1:{silent.getsockname()[1]}"
        done = run_here("--store", store, "health", "--url", url, "--timeout", "0.2")
    assert done.code == 1
    assert "secret" not in done.out + done.err


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8501", "file:///etc/passwd", "http://", "http://h:99999", "http://[::1", "http://h/a b",
            "http://h\r\nX: y", "http://h:0"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(store, url):
    done = run_here("--store", store, "health", "--url", url)
    assert (done.code, done.out) == (2, "") if url else done.code in (0, 1)


def test_no_proxy_is_asked(store, another, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert run_here("--store", store, "health", "--url", another).code == 0
