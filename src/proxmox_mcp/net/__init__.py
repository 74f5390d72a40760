"""How this program speaks HTTP: one client with one TLS policy for API calls, logins, ``apidoc.js`` and the doctor."""

__all__ = ["address", "client", "deadline", "failures", "stream", "tls"]
