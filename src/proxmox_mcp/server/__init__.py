"""The MCP surface: tools, resources, prompts. Knows the gateway, and no transport."""
