"""Compare what is installed with what was reviewed, without the network.

`.ci/reviewed.txt` holds one line `name==version` per package that the product and its tests pull in, and the date of
the review. A package that pyproject.toml pins must be installed in exactly that version: anything else fails. A package
that they pull in and that differs from the list, or is not on it, is told; with --strict it fails too. --files checks
every installed file of these packages against the SHA-256 that its installer recorded. --write writes the list anew.

What this does not do: it knows no advisories, so it cannot tell that a version has become known to be vulnerable, and
the recorded hashes come with the installed package: they show damage and tampering after the installation, not before.
For advisories run `pip-audit` on a machine with a network (docs/security.md).
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
REVIEWED = ROOT / ".ci" / "reviewed.txt"


def pinned() -> dict[str, Requirement]:
    """Return the packages of pyproject.toml by name, those of extras that are not installed left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = {canonicalize_name(r.name): r for r in map(Requirement, project["dependencies"])}
    extras = [Requirement(text) for group in project["optional-dependencies"].values() for text in group]
    return asked | {canonicalize_name(r.name): r for r in extras if found(r.name)}


def found(name: str) -> Distribution | None:
    """Return an installed package, None when it is not installed."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def pulled_in(names: Sequence[str]) -> dict[str, str]:
    """Return name → version of these packages and of all that they need and that is installed."""
    versions: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        package = None if name in versions else found(name)
        if package is None:
            continue
        versions[name] = package.version
        needs = map(Requirement, package.requires or [])
        waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return dict(sorted(versions.items()))


def changed_files(name: str) -> Iterator[str]:
    """Yield the installed files of a package that differ from what its installer recorded."""
    package = found(name)
    for file in (package.files if package else None) or []:
        if file.hash is None or file.hash.mode != "sha256" or file.suffix == ".pyc":
            continue
        path = Path(str(file.locate()))
        if not path.is_file():
            yield f"{name}: {file} is missing"
            continue
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            yield f"{name}: {file} is not what was installed"


def reviewed(text: str) -> dict[str, str]:
    """Return name → version of the list."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)$", text, re.MULTILINE))


def bare(version: str) -> str:
    """Return a version without its local part: torch's CPU build is 2.13.0+cpu."""
    return version.partition("+")[0]


def main(argv: Sequence[str]) -> int:
    """Run the checks, tell what was found on standard error; return the exit status."""
    asked = pinned()
    here = pulled_in(list(asked))
    if "--write" in argv:
        lines = [line for line in REVIEWED.read_text("utf-8").splitlines() if line.startswith("#")]
        REVIEWED.write_text("\n".join([*lines, *(f"{n}=={bare(v)}" for n, v in here.items())]) + "\n", "utf-8")
        return 0
    wrong = [f"{n}: pinned {r.specifier}, installed {here.get(n, 'nothing')}" for n, r in asked.items()
             if n not in here or not r.specifier.contains(bare(here[n]))]  # fmt: skip
    known = reviewed(REVIEWED.read_text("utf-8"))
    other = [f"{n} {bare(v)}: reviewed was {known.get(n, 'no version')}" for n, v in here.items()
             if known.get(n) != bare(v)]  # fmt: skip
    damaged = [line for name in here for line in changed_files(name)] if "--files" in argv else []
    sys.stderr.writelines(f"{line}\n" for line in [*wrong, *damaged])
    sys.stderr.writelines(f"not reviewed: {line}\n" for line in other)
    sys.stderr.write(f"{len(here)} packages: {len(wrong)} not as pinned, {len(other)} not as reviewed")
    sys.stderr.write(f", {len(damaged)} changed files\n" if "--files" in argv else "\n")
    return 1 if wrong or damaged or ("--strict" in argv and other) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
