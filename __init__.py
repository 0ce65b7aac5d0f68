"""Referee: the MCP server that makes the discipline of autonomous research real."""

__version__ = "0.1.0"
