"""The HTTP application: transports, health, metrics, and the guards before them."""
