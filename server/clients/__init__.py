"""The clients that Referee can start: Claude Code, Codex, or any command line."""
