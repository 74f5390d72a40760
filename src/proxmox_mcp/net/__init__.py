"""How this program meets the network: one TLS policy for API calls, login, ``apidoc.js`` and doctor alike."""
