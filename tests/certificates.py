"""Self-signed certificates for loopback."""

from __future__ import annotations

from pathlib import Path

import pytest


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate, and its key."""
    from fakepve.certs import make_cert

    certificate, key, _ = make_cert(str(directory))
    return Path(certificate), Path(key)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One that all tests of a process share."""
    return make_certificate(tmp_path_factory.mktemp("pki"))
