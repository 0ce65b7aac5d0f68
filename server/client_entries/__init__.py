"""The server's entry in a project's client configuration: added, shown, and taken away again."""
