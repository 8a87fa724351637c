"""Where to ask, and what may be believed of names that come from outside.

Base URLs are https; plain http is for this machine only, unless asked for. A redirect may not leave https, may not lead
from a public service to a private address, and never takes a token to another origin. Names from a service become file
names only after every character that could lead elsewhere is written as %XX.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from dexposure_core.errors import BadInput, BadOption, FetchFailed
from dexposure_core.sources.border import shown

Origin = tuple[str, str, int]
_PORTS: Final = {"http": 80, "https": 443}
_LONGEST: Final = 120
_DEPTH: Final = 16
_RESERVED: Final = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")


def base_url(text: str, option: str, *, allow_http: bool = False) -> str:
    """Return a base URL without its trailing slash.

    Raises:
        BadOption: unless it is https, or http on this machine (or anywhere with `allow_http`), with a host and nothing
            but a path behind it.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port == 0 or parts.scheme not in _PORTS:
        raise BadOption(f"{option}: {shown(_bare(text))} is not a URL; write it like https://api.example.org")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadOption(
            f"{option}: leave user names, '?' and '#' out of the URL of {shown(host)}; name host and path only"
        )
    if parts.scheme == "http" and not (allow_http or is_local(host)):
        raise BadOption(f"{option}: {shown(text)} is not encrypted; use https, or say --allow-http if you mean it")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def origin(url: str) -> Origin:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


def is_local(host: str) -> bool:
    """Return whether a host name means this machine."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def redirected(url: str, location: str) -> str:
    """Return where a redirect leads.

    Raises:
        FetchFailed: when it leaves https, leads from a public service to a private address, or is no URL.
    """
    try:
        new = urljoin(url, location)
        scheme, host, port = origin(new)
    except ValueError:
        scheme, host, port, new = "", "", 0, ""
    old = origin(url)
    refused = f"{place(url)}: redirects to {shown(place(new) or location)}"
    if scheme not in _PORTS or not host or not port:
        raise FetchFailed(f"{refused}, which is no URL to follow; check the base URL")
    if old[0] == "https" and scheme == "http":
        raise FetchFailed(f"{refused}, which is not encrypted; check the base URL")
    if scheme == "http" and host != old[1] and not is_local(host):
        raise FetchFailed(f"{refused}, another host without encryption; check the base URL")
    if _private(host) and not _private(old[1]):
        raise FetchFailed(f"{refused}, a private address; check the base URL")
    return new


def place(url: str) -> str:
    """Return a URL as it may appear in messages and manifests: without user, password, query and fragment."""
    return _bare(url)


def segment(text: str) -> str:
    """Return a name as one segment of a URL path; `.` and `..` lose their meaning too."""
    quoted = quote(text, safe="")
    return quoted.replace(".", "%2E") if quoted.strip(".") == "" else quoted


def file_name(text: str) -> str:
    """Return a name that is a file name everywhere: lower-case letters, digits, `-` and `_`, the rest as %XX.

    Different names stay different; overlong ones end in a hash of the whole.
    """
    safe = "".join(
        c if c.isascii() and (c.islower() or c.isdecimal() or c in "-_") else f"%{b}"
        for c in text
        for b in [c.encode("utf-8", "surrogatepass").hex()]
    )
    if len(safe) <= _LONGEST and not _RESERVED.match(safe):
        return safe
    return f"{safe[:_LONGEST]}~{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def relative_path(text: str, place_: str) -> PurePosixPath:
    """Return a path that a service names, once it can only lie below the folder it is put into.

    Raises:
        BadInput: when it is absolute, has empty, `.` or `..` parts, control characters, backslashes or colons.
    """
    parts = text.split("/")
    wrong = (
        not all(parts) or len(parts) > _DEPTH or not text.isprintable() or any(c in text for c in '\\:*?"<>|')
        or any(p.strip(" .") == "" or p != p.strip() or len(p.encode()) > 200 or _RESERVED.match(p) for p in parts)
    )  # fmt: skip
    if wrong:
        raise BadInput(f"{place_}: {shown(text)} is not a path a file may have; nothing was written")
    return PurePosixPath(text)


def _bare(url: str) -> str:
    parts = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"(?<=//)[^/@]*@", "", parts)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _private(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and not address.is_global)
