"""The URL that clients use, as given with ``--url``."""

# Tested through tests/doctor/test_client_view.py.

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from proxmox_mcp.doctor.http import Address
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.net.tls import TlsPolicy

SSE, HTTP = "/sse", "/mcp"


class ClientUrl(Struct, frozen=True):
    """``prefix`` is the path before ``/sse`` and ``/mcp``; ``asked`` those of the two that the address named.

    ``client_only``: the settings of the server are unknown, and somebody else changes them.
    """

    address: Address
    prefix: str
    asked: tuple[str, ...]
    authorities: Path | None = None
    client_only: bool = False

    @classmethod
    def of(cls, url: str, authorities: str = "", *, client_only: bool = False) -> ClientUrl:
        """``authorities`` is a PEM file of authorities that clients trust besides the public ones.

        Raises SettingsError for an invalid URL or a missing file.
        """
        known = Path(authorities) if authorities else None
        if known and not known.is_file():
            raise SettingsError(f"NODE_EXTRA_CA_CERTS is {known}: the file does not exist.", "It takes a PEM file.")
        try:
            address = Address.of(url if "://" in url else f"https://{url}")
        except ValueError:
            raise SettingsError(
                "--url is not a URL that clients can use.",
                "Write it as https://name/sse, without user and password.",
            ) from None
        path = address.path.rstrip("/")
        for end in (SSE, HTTP):
            if path.endswith(end):
                return cls(address, path.removesuffix(end), (end,), known, client_only)
        return cls(address, path, (SSE, HTTP), known, client_only)

    @property
    def base(self) -> str:
        return self.address.origin + self.prefix

    def at(self, route: str) -> Address:
        """A route of the server under the prefix."""
        return self.address.at(self.prefix + route)

    @property
    def tls(self) -> TlsPolicy | None:
        """Trust as clients have it: public authorities and those of the system. None for plain http."""
        return TlsPolicy(extra_ca_file=self.authorities) if self.address.scheme == "https" else None
