"""What a run directory may be: of this version's layout, and without links that lead out of it; and where runs are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import coalactl
from coalactl.errors import ExitCode, UserError

FORMAT = 1
"""The version of the layout, in ``provenance.json``, and of the manifests, in each of them."""


class Folders:
    """The folders below some tops, and then those that links lead to elsewhere; none twice, so never in a circle."""

    def __init__(self, tops: Iterable[Path]) -> None:
        self._tops = [_real(top) for top in tops]
        self._seen: set[Path] = set()
        self._links: list[Path] = []
        self.broken: list[Path] = []
        """Links that lead nowhere."""

    def within(self, folder: Path) -> list[Path]:
        """The folders in a folder, by name; links are kept for later."""
        try:
            entries = sorted(folder.iterdir())
        except OSError:  # missing, a file, or not ours to read
            return []
        links = [entry for entry in entries if entry.is_symlink()]
        self._links += [link for link in links if link.is_dir()]
        # Editors leave hidden ones, which lead nowhere on purpose.
        self.broken += [link for link in links if link.name[0] != "." and not link.exists()]
        return [entry for entry in entries if entry not in links and entry.is_dir() and self._is_new(_real(entry))]

    def linked(self) -> Iterator[Path]:
        """The links to folders elsewhere, also those met on the way: what is below the tops has had its turn."""
        while self._links:
            link = self._links.pop(0)
            place = _real(link)
            around = any(place.is_relative_to(top) or top.is_relative_to(place) for top in self._tops)
            if not around and self._is_new(place):
                yield link

    def _is_new(self, place: Path) -> bool:
        new = place not in self._seen
        self._seen.add(place)
        return new


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


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
