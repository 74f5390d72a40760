"""The HTTP application: transports, health, metrics, and the checks before them."""
