"""Entry points: `referee` is the command line, `referee-mcp` the same as `referee serve`."""

import sys

from .server.cli import main as _main


def main() -> int:
    """The command line."""
    return _main()


def serve() -> int:
    """`referee serve` with the given flags."""
    return _main(["serve", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
