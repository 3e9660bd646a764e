"""The subcommands, one file each."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """The end of a command's help; the mark keeps its lines as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  coalactl {line}" for line in lines)
