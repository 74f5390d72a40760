"""The HTTP application: transports, health, metrics, and the checks before them."""

__all__ = ["console_server", "hosts", "listener", "logs", "serving"]
