"""What a run directory may be: of this version's layout, and without links that lead out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import coalactl
from coalactl.errors import ExitCode, UserError

FORMAT = 1
"""The version of the layout, in ``provenance.json``, and of the manifests, in each of them."""


def refuse_links(paths: Iterable[Path]) -> None:
    """Raise :class:`UserError` at a symbolic link: what it leads to is not the run's, to read or to write."""
    for path in paths:
        if path.is_symlink():
            raise UserError(
                f"{path} is a symbolic link, and nothing in a run directory may lead out of it; "
                "put what it points at in its place",
                ExitCode.DAMAGED,
            )


def refuse_other_formats(path: Path, given: object, provenance: Mapping[str, Any]) -> None:
    """Raise :class:`UserError` that names both versions and the way out, unless the format is this version's."""
    if given != FORMAT:
        packages = provenance.get("packages")
        version = packages.get("coalactl") if isinstance(packages, Mapping) else None
        theirs = f"coalactl {version}" if version else "the coalactl version that wrote it"
        raise UserError(
            f"{path} has format {given!r}; coalactl {coalactl.__version__} reads format {FORMAT}; "
            f"go on with it by {theirs}, or start a new run with this one",
            ExitCode.DAMAGED,
        )
