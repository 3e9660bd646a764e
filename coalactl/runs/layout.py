"""What a run directory may be: of this version's layout, and without links that lead out of it; and where runs are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import coalactl
from coalactl.errors import ExitCode, UserError
from coalactl.paths import typed

FORMAT = 2
"""The version of the layout, in ``provenance.json``, and of the manifests, in each of them."""
READABLE = (1, 2)
"""Those that are read; a run of an older one has this one's from the next checkpoint on."""


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
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError:  # missing, a file, or not ours to read
            return []
        links = [folder / entry.name for entry in entries if entry.is_symlink()]
        self._links += [link for link in links if link.is_dir()]
        # Editors leave hidden ones, which lead nowhere on purpose.
        self.broken += [link for link in links if link.name[0] != "." and not link.exists()]
        real = _real(folder)
        names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        return [folder / name for name in names if self._is_new(real / name)]

    def linked(self) -> Iterator[Path]:
        """The links to folders elsewhere, also those met on the way: what is below the tops has had its turn."""
        while self._links:
            link = self._links.pop(0)
            real = _real(link)
            around = any(real.is_relative_to(top) or top.is_relative_to(real) for top in self._tops)
            if not around and self._is_new(real):
                yield link

    def _is_new(self, real: Path) -> bool:
        new = real not in self._seen
        self._seen.add(real)
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


def refuse_first_parameters(path: Path, provenance: Mapping[str, Any]) -> None:
    """Raise :class:`UserError` at a run of the first version, which knew no formats.

    It laid out parameters in another order, in vectors of the same length: nothing else would notice.
    """
    if "format" not in provenance:
        raise UserError(
            f"{path} is of the first coalactl, 0.1.0 of 2026-11-22, which ordered parameters otherwise: its metrics "
            "can be read, its checkpoints not; go on with it by that version, or start a new run with this one: "
            f"coalactl train {typed(path / 'config.toml')}",
            ExitCode.DAMAGED,
        )


def refuse_other_formats(path: Path, its_format: object, provenance: Mapping[str, Any]) -> None:
    """Raise :class:`UserError` that names both versions and the way out, unless this version reads the format."""
    if its_format not in READABLE:
        packages = provenance.get("packages")
        version = packages.get("coalactl") if isinstance(packages, Mapping) else None
        theirs = f"coalactl {version}" if version else "the coalactl version that wrote it"
        readable = " and ".join(map(str, READABLE))
        raise UserError(
            f"{path} has format {its_format!r}; coalactl {coalactl.__version__} reads formats {readable}; "
            f"go on with it by {theirs}, or start a new run with this one",
            ExitCode.DAMAGED,
        )
