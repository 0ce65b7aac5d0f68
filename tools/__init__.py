"""The tools that an agent is given, one module each."""
