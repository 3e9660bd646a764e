"""A paper in words: what lists, completion and the command line need of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Paper(NamedTuple):
    """A paper: where it is published, its folder here, and its exhibits in its own order.

    The folder holds a module for each exhibit, with ``EXHIBIT``; ``roles.py`` with ``ROLES``, its experiments, and
    ``printed.py`` with ``PRINTED``, its tables of values.
    """

    name: str
    title: str
    source: str
    package: str
    exhibits: Mapping[str, str]
    """What each shows, by the name of its module: ``fig_5a``, ``app_h3``."""
    prefix: str
    """What names of its figures' files begin with, so that two papers may have a Fig. 4A each."""
