"""Where no container engine runs: Debian's buildah builds, and namespaces of the kernel run what it built.

The base image is a stand-in made with debootstrap, since none can be pulled without a registry. The container has a
process, a mount and a /proc of its own, a root that is read-only, no capability and the image's user; the network is
the host's. Needs root, and takes the packages ``buildah`` and ``debootstrap``.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from scripts.image.engine import Config, Finished, begin, finish

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE = "localhost/proxmox-mcp-base:bookworm"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
GRACE = 20.0
TOUR_SECONDS = 300.0
"""More than the longest command takes, the tour of the demo, on a busy machine."""

ENTER = """
set -eu
mount --bind "$ROOT" "$ROOT"
mount --bind "$DATA" "$ROOT/data"
mount -t tmpfs -o size=16m,mode=1777,noexec,nosuid tmpfs "$ROOT/tmp"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount -o remount,bind,ro "$ROOT"
cd /
exec chroot "$ROOT" "$@"
"""


def limited(config: Config, environment: Mapping[str, str], command: tuple[str, ...], root: bool = False) -> list[str]:
    """The command as the image's user with its environment and without any privilege (util-linux and coreutils)."""
    user, _, group = ("0:0" if root else config.user).partition(":")
    drop = ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    values = [f"{name}={value}" for name, value in {**config.environment, **environment}.items()]
    start = ["env", "-i", "-C", "/" if root else "/data"]
    return ["setpriv", f"--reuid={user}", f"--regid={group}", *drop, *start, *values, *command]


class Chroot:
    """buildah and the kernel's own namespaces."""

    name = "buildah with chroot isolation"

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._work = Path(tempfile.mkdtemp(prefix="proxmox-mcp-image-"))
        self._images: list[str] = []
        self._roots: dict[str, Path] = {}

    @staticmethod
    def missing() -> list[str]:
        """The programs that are not installed."""
        return [name for name in ("buildah", "debootstrap", "unshare", "nsenter") if not shutil.which(name)]

    def close(self) -> None:
        """Remove what was made for this run; the stand-in base stays for the next."""
        self._buildah("rm", "--all")
        if self._images:
            self._buildah("rmi", "--force", *self._images)
        shutil.rmtree(self._work)

    def build(self, context: Path, arguments: Mapping[str, str], target: str) -> str:
        if self._buildah("inspect", "--type=image", BASE, check=False).returncode:
            self._make_base()
        image = f"localhost/proxmox-mcp:check-{target}-{arguments['REVISION'][:12]}"
        values = [f"--build-arg={name}={value}" for name, value in {**arguments, "BASE_IMAGE": BASE}.items()]
        # Docker's format, since OCI's has no health check.
        options = ["--format=docker", "--pull-never", f"--target={target}", "--tag", image, *values]
        self._buildah("build", *options, str(context), capture=False)
        self._images.append(image)
        return image

    def pull(self, image: str) -> None:
        self._buildah("pull", "--policy=missing", image)
        self._images.append(image)

    def config(self, image: str) -> Config:
        return Config.read(self._inspect(image)["Docker"]["config"])

    def megabytes(self, image: str) -> float:
        root = self._root(image)
        return sum(f.lstat().st_size for f in root.rglob("*") if f.is_file() and not f.is_symlink()) / 1e6

    def run(self, image: str, *command: str, environment: Mapping[str, str], root: bool = False) -> Finished:
        start, variables = self._isolated(image)
        words = [*start, *limited(self.config(image), environment, command, root)]
        return subprocess.run(words, env=variables, text=True, capture_output=True, timeout=TOUR_SECONDS, check=False)

    def start(self, image: str, environment: Mapping[str, str]) -> ChrootServer:
        config = self.config(image)
        start, variables = self._isolated(image)
        command = limited(config, environment, config.entrypoint + config.command)
        log = tempfile.TemporaryFile("w+", dir=self._work)  # noqa: SIM115  the server's, for as long as it lives
        process = subprocess.Popen([*start, *command], env=variables, stdout=log, stderr=subprocess.STDOUT)
        return ChrootServer(process, config, environment, log)

    def _isolated(self, image: str) -> tuple[list[str], dict[str, str]]:
        """The command that opens a container, and the variables it takes; /data is a fresh copy of the image's."""
        root = self._root(image)
        data = Path(tempfile.mkdtemp(dir=self._work)) / "data"
        subprocess.run(["cp", "-a", str(root / "data"), str(data)], check=True)
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "enter"]
        return command, {**os.environ, "ROOT": str(root), "DATA": str(data)}

    def _root(self, image: str) -> Path:
        if image not in self._roots:
            container = self._buildah("from", "--pull-never", image).stdout.strip()
            self._roots[image] = Path(self._buildah("mount", container).stdout.strip())
        return self._roots[image]

    def _make_base(self) -> None:
        """Debian 12 with its own Python, without the package lists, with the authorities that this machine trusts."""
        with tempfile.TemporaryDirectory(dir=self._work) as made:
            packages = "--include=python3,python3-venv,ca-certificates"
            command = ["debootstrap", "--variant=minbase", packages, "bookworm", made]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            shutil.copy(CERTIFICATES, made + CERTIFICATES)
            for lists in ("var/lib/apt/lists", "var/cache/apt"):
                shutil.rmtree(Path(made, lists))
            container = self._buildah("from", "scratch").stdout.strip()
            self._buildah("add", "--quiet", container, made, "/")
            trust = [f"--env={name}={CERTIFICATES}" for name in ("SSL_CERT_FILE", "PIP_CERT")]
            self._buildah("config", *trust, container)
            self._buildah("commit", "--quiet", "--rm", container, BASE)

    def _inspect(self, image: str) -> dict[str, dict[str, dict[str, object]]]:
        found: dict[str, dict[str, dict[str, object]]] = json.loads(
            self._buildah("inspect", "--type=image", image).stdout
        )
        return found

    def _buildah(self, *words: str, check: bool = True, capture: bool = True) -> Finished:
        store = [f"--root={self._cache / 'storage'}", f"--runroot={self._cache / 'run'}", "--storage-driver=vfs"]
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        finished = subprocess.run(
            ["buildah", *store, *words], env=environment, text=True, capture_output=capture, check=False
        )
        if check and finished.returncode:
            raise RuntimeError(f"buildah {shlex.join(words)}: {finished.stderr or finished.returncode}")
        return finished


@dataclass
class ChrootServer:
    """The image's command as the first process of its own process namespace."""

    process: subprocess.Popen[bytes]
    config: Config
    environment: Mapping[str, str]
    output: IO[str] = field(repr=False)

    def run(self, *command: str, text: str = "") -> Finished:
        return finish(self._entered(command), text)

    def spawn(self, *command: str, text: str = "") -> subprocess.Popen[str]:
        return begin(self._entered(command), text)

    def stop(self) -> tuple[int | None, float]:
        began = time.monotonic()
        if first := self._first():
            os.kill(int(first), signal.SIGTERM)
        try:
            status = self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            return None, time.monotonic() - began
        return (128 - status if status < 0 else status), time.monotonic() - began

    def log(self) -> str:
        self.output.seek(0)
        return self.output.read()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.output.close()

    def _first(self) -> str:
        """The host's number of the container's first process; empty before it is there and after its end."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return children.read_text().strip() if self.process.poll() is None else ""

    def _entered(self, command: tuple[str, ...]) -> list[str]:
        if not (first := self._first()):
            return ["false"]
        enter = ["nsenter", f"--target={first}", "--mount", "--pid", "--root", "--wd"]
        return [*enter, *limited(self.config, self.environment, command)]
