"""Builds the image from the last commit and holds it to what is promised of it (``promises.py``).

With a Docker engine where one answers, else with Debian's buildah (``chroot.py``). No Proxmox is needed: the server
comes up without one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.image.chroot import Chroot
from scripts.image.engine import Docker, output
from scripts.image.promises import about_demo, outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.image.engine import Engine
    from scripts.image.promises import Outcome

ROOT = Path(__file__).parents[2]
PACKAGES = ("buildah", "debootstrap")


def choose() -> Engine:
    """Docker where an engine answers, else buildah, installed where that is possible."""
    if Docker.usable():
        return Docker()
    if os.geteuid() != 0:
        sys.exit("No Docker engine answers, and buildah with chroot isolation needs root. Start one, or run as root.")
    if Chroot.missing():
        if not shutil.which("apt-get"):
            sys.exit(f"No Docker engine answers. Missing for the other way: {', '.join(Chroot.missing())}.")
        print("Installing from Debian:", *PACKAGES, flush=True)
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
        subprocess.run(install, check=True, env=quiet, stdout=subprocess.DEVNULL)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "proxmox-mcp-image"
    cache.mkdir(parents=True, exist_ok=True)
    return Chroot(cache)


def build(engine: Engine, version: str, revision: str, target: str) -> str:
    """A target of the Dockerfile, from a clean checkout of the commit, so that nothing that lies about gets in."""
    with tempfile.TemporaryDirectory() as checkout:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), checkout], check=True)
        subprocess.run(["git", "-C", checkout, "checkout", "--quiet", revision], check=True)
        return engine.build(Path(checkout), {"VERSION": version, "REVISION": revision}, target)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/check-image", description=__doc__)
    parser.add_argument("--image", help="check this image, pulled where needed, instead of building one")
    parser.add_argument("--demo", action="store_true", help="check the image of the demo instead of the server's")
    options = parser.parse_args()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    revision = output("git", "-C", str(ROOT), "rev-parse", "HEAD").strip()
    engine = choose()
    print(f"Engine: {engine.name}", flush=True)
    try:
        if options.image:
            engine.pull(options.image)
        image = options.image or build(engine, version, revision, "demo" if options.demo else "server")
        about = about_demo(engine, image) if options.demo else outcomes(engine, image, version, revision)
        failures = check(engine, image, about)
    except (subprocess.CalledProcessError, RuntimeError) as error:
        sys.exit(str(error))
    finally:
        engine.close()
    print(f"{failures} promises are not kept." if failures else "The image is as promised.")
    return 1 if failures else 0


def check(engine: Engine, image: str, about: Iterator[Outcome]) -> int:
    """Prints a line a promise; returns how many are not kept."""
    print(f"Image: {image}, {engine.megabytes(image):.0f} MB", flush=True)
    failures = 0
    for promise, kept, detail in about:
        failures += not kept
        print(f"{'ok  ' if kept else 'FAIL'}  {promise}" + (f"  ({detail})" if detail else ""), flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(main())
