"""The MCP surface: tools, resources, prompts. Knows the gateway, and no transport."""

__all__ = ["mcp_server", "misconfigured", "request_id", "stdio"]
