"""Flags that several commands take."""

import argparse
from pathlib import Path


def add_repo(parser: argparse.ArgumentParser) -> None:
    """`--repo DIR`: the folder of `program.md`."""
    help_text = "the folder of program.md (default: here)"
    parser.add_argument("--repo", type=Path, default=Path(), metavar="DIR", help=help_text)


def add_tag(parser: argparse.ArgumentParser) -> None:
    """`--tag TAG`: the session."""
    parser.add_argument("--tag", metavar="TAG", help="the session (default: the latest)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """`--json`: print data instead of text."""
    parser.add_argument("--json", action="store_true", help="print JSON")
