"""`referee serve`: the MCP server on standard input and output."""

import argparse

from .. import stdio
from .common import add_repo, add_tag


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_repo(parser)
    add_tag(parser)


def run(given: argparse.Namespace) -> int:
    """Serve until the client goes away."""
    return stdio.main(given.repo, given.tag)
