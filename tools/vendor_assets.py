"""Copies the browser libraries that the pages use out of their npm packages into the tree. Read `vendor` first.

    python tools/vendor_assets.py            fetch with `npm pack`, compare with the pinned packages, copy
    python tools/vendor_assets.py --check    compare what is in the tree with vendor.json; needs no network

To take a new version, change `PACKAGES`, run it, and read the difference that git shows.
"""

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent / "src/fairtrial/web/static/vendor"
MANIFEST = "vendor.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One npm package, and what is taken from it."""

    name: str
    version: str
    integrity: str
    """The registry's ``dist.integrity`` of the tarball."""
    licence: str
    files: dict[str, str]
    """Path in the package to path in our tree; a path that ends with ``*`` takes every file that begins so."""


PACKAGES = (
    Package(
        name="katex",
        version="0.19.1",
        integrity="sha512-jG8uKntjSEcm2EpQOh0XturpPuuC9r3Sq5HLHdsFdWZT27E672SF19QEi+of0/YeOy15lDgRhKvr5614uRrEfA==",
        licence="MIT",
        files={
            "dist/katex.min.js": "katex/katex.min.js",
            "dist/katex.min.css": "katex/katex.min.css",
            "dist/fonts/*.woff2": "katex/fonts/",
            "LICENSE": "katex/LICENSE",
        },
    ),
)


def vendor(home: Path) -> None:
    """Fetch every package, compare it with its pinned hash, copy the files and write the manifest."""
    manifest = []
    with tempfile.TemporaryDirectory() as scratch:
        for package in PACKAGES:
            tarball = _fetch(package, Path(scratch))
            hashes = {}
            for path, data in sorted(_wanted(package, tarball).items()):
                target = home / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                hashes[path] = hashlib.sha256(data).hexdigest()
            manifest.append(
                {
                    "name": package.name,
                    "version": package.version,
                    "licence": package.licence,
                    "integrity": package.integrity,
                    "sha256": hashes,
                }
            )
    text = json.dumps({"packages": manifest}, indent=1) + "\n"
    (home / MANIFEST).write_text(text, encoding="utf-8", newline="\n")


def check(home: Path) -> list[str]:
    """What is wrong with the files in the tree, a sentence each: changed, missing, or not in the manifest."""
    manifest: dict[str, Any] = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
    wanted: dict[str, str] = {}
    for package in manifest["packages"]:
        wanted.update(package["sha256"])
    there = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()} - {MANIFEST}
    wrong = [f"{path} is not in {MANIFEST}." for path in sorted(there - wanted.keys())]
    for path, digest in sorted(wanted.items()):
        if path not in there:
            wrong.append(f"{path} is missing.")
        elif hashlib.sha256((home / path).read_bytes()).hexdigest() != digest:
            wrong.append(f"{path} has been changed.")
    pinned = [(one.name, one.version, one.integrity) for one in PACKAGES]
    if pinned != [(one["name"], one["version"], one["integrity"]) for one in manifest["packages"]]:
        wrong.append(f"{MANIFEST} is not of the packages that are pinned here.")
    return wrong


def _fetch(package: Package, scratch: Path) -> Path:
    asked = f"{package.name}@{package.version}"
    command = ["npm", "pack", "--silent", "--pack-destination", str(scratch), asked]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=scratch)
    tarball = scratch / said.stdout.strip().splitlines()[-1]
    found = "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if found != package.integrity:
        sys.exit(f"{asked} is not the package that is pinned: it has {found}.")
    return tarball


def _wanted(package: Package, tarball: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(tarball) as archive:
        members = {one.name.removeprefix("package/"): one for one in archive if one.isfile()}
        for source, target in package.files.items():
            start, _, end = source.partition("*")
            names = [
                name
                for name in members
                if name == source or ("*" in source and name.startswith(start) and name.endswith(end))
            ]
            if not names:
                sys.exit(f"{package.name} {package.version} has no {source}.")
            for name in names:
                stream = archive.extractfile(members[name])
                assert stream is not None
                path = target + name.removeprefix(start) if "*" in source else target
                found[path] = _tidy(path, stream.read())
    return found


def _tidy(path: str, data: bytes) -> bytes:
    """Leave out what points to files that are not taken: source maps, and fonts for browsers without WOFF2."""
    if path.endswith(".js"):
        return re.sub(rb"\n?//# sourceMappingURL=\S+\s*$", b"\n", data)
    if path.endswith(".css"):
        return re.sub(rb',url\([^)]+\) format\("(?:woff|truetype)"\)', b"", data)
    return data


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare the tree with its manifest; no network")
    if parser.parse_args().check:
        wrong = check(HOME)
        print("\n".join(wrong) or "Every vendored file is as it was taken.")
        return 1 if wrong else 0
    vendor(HOME)
    return 0


if __name__ == "__main__":
    sys.exit(main())
