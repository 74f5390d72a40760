"""Packs the ``.mcpb`` bundle: the project at the last commit, its lock file and a manifest. Hosts start it with uv.

The same commit always gives the same bytes. With ``--url`` also prints the package entry for ``server.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
MANIFEST = "mcpb/manifest.json"
CARRIED = ("LICENSE", "README.md", "apidoc", "pyproject.toml", "src", "uv.lock")
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can store, for all files, so that the bundle is reproducible."""


def git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, stdout=subprocess.PIPE).stdout


def files(revision: str) -> dict[str, bytes]:
    """The content of the bundle: paths, and files as committed."""
    names = git("ls-tree", "-r", "-z", "--name-only", revision, *CARRIED).decode().split("\0")
    kept = {name: git("show", f"{revision}:{name}") for name in names if name}
    return {"manifest.json": git("show", f"{revision}:{MANIFEST}"), **kept}


def pack(target: Path, content: dict[str, bytes]) -> str:
    """Write the bundle; returns its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        for name in sorted(content):
            bundle.writestr(zipfile.ZipInfo(name, EPOCH), content[name], zipfile.ZIP_DEFLATED)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/build-mcpb", description=__doc__)
    parser.add_argument("--url", help="where the bundle will be published: prints the entry for server.json")
    options = parser.parse_args()
    content = files("HEAD")
    version = json.loads(content["manifest.json"])["version"]
    target = ROOT / "dist" / f"proxmox-mcp-{version}.mcpb"
    digest = pack(target, content)
    print(f"{target.relative_to(ROOT)}  {target.stat().st_size / 1e6:.1f} MB  sha256 {digest}")
    if options.url:
        entry = {
            "registryType": "mcpb",
            "identifier": options.url,
            "fileSha256": digest,
            "transport": {"type": "stdio"},
        }
        print(json.dumps({"packages": [entry]}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
