"""An OpenID Connect provider on loopback, as small as one can be: one person, one client, code flow with S256."""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT, PERSON = "monitor", {"sub": "1", "email": "anna@bank.example", "name": "Anna"}


@dataclass
class Provider:
    address: str = ""
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    asked: dict[str, dict[str, str]] = field(default_factory=dict)  # code → what the authorisation asked for
    handed: list[str] = field(default_factory=list)  # every code and token there ever was

    def __post_init__(self) -> None:
        from joserfc.jwk import RSAKey

        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})

    @property
    def metadata(self) -> dict[str, object]:
        ends = {"authorization": "authorize", "token": "token", "end_session": "leave"}
        return {
            "issuer": self.address, "jwks_uri": f"{self.address}/keys",
            **{f"{end}_endpoint": f"{self.address}/{path}" for end, path in ends.items()},
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
        }  # fmt: skip

    def code(self, asked: dict[str, str]) -> str:
        self.handed.append(code := secrets.token_urlsafe(16))
        self.asked[code] = asked
        return code

    def tokens(self, form: dict[str, str], basic: str) -> dict[str, object] | None:
        """What a code is good for, once: None for a wrong client, code, redirection or proof."""
        from joserfc import jwt

        asked = self.asked.pop(form.get("code", ""), None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        known = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
        if (
            asked is None
            or basic != f"Basic {known}"
            or form["redirect_uri"] != asked["redirect_uri"]
            or proof.decode().rstrip("=") != asked["code_challenge"]
        ):
            return None
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": asked["nonce"], **PERSON}
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        found = {"access_token": secrets.token_urlsafe(16), "id_token": signed}
        self.handed += found.values()
        return found | {"token_type": "Bearer", "expires_in": 600}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base class calls it so
            place = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(place.query).items()}
            if place.path == "/.well-known/openid-configuration":
                self._send(json.dumps(provider.metadata))
            elif place.path == "/keys":
                self._send(json.dumps({"keys": [provider.key.as_dict(private=False)]}))
            elif place.path == "/authorize":
                back = urlencode({"code": provider.code(asked), "state": asked["state"]})
                self._send(f'<a href="{asked["redirect_uri"]}?{back}">I am Anna</a>', "text/html")
            else:
                self._send(f'<a href="{asked["post_logout_redirect_uri"]}">Signed out; back</a>', "text/html")

        def do_POST(self) -> None:  # the base class calls it so
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            found = provider.tokens({name: v[0] for name, v in form.items()}, self.headers.get("Authorization", ""))
            self._send(json.dumps(found or {"error": "invalid_grant"}), status=200 if found else 400)

        def _send(self, body: str, kind: str = "application/json", status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextlib.contextmanager
def running():
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(provider))
    provider.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
