"""Presets: experiments as TOML files, shipped with the package and found from any directory.

A preset's first line is a comment that says what it is for. ``PRESET`` on the command line is the name of a shipped
preset, or a path: whatever ends in ``.toml`` or has a directory separator.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from coalactl.errors import ExitCode, UserError
from coalactl.paths import usable

DEFAULT_PRESET = "ipd-shaping-quick"


class Preset(NamedTuple):
    """A named configuration file."""

    name: str
    path: Path
    shipped: bool

    @property
    def description(self) -> str:
        """The comment in the first line."""
        with self.path.open(encoding="utf-8-sig") as file:
            first = file.readline().strip()
        return first.lstrip("# ") if first.startswith("#") else ""

    @property
    def label(self) -> str:
        """How the file is named to the user."""
        return f"preset {self.name}" if self.shipped else str(self.path)


def find_preset(name_or_path: str) -> Preset:
    """The shipped preset of that name, or the file at that path."""
    return find_file(name_or_path, "preset", shipped_presets(), "'coalactl presets ls' lists all")


def find_file(name_or_path: str, what: str, shipped: Sequence[Preset], listing: str) -> Preset:
    """The shipped file of that name, or the file at that path; ``listing`` says where all names are."""
    if name_or_path.endswith(".toml") or os.sep in name_or_path or (os.altsep and os.altsep in name_or_path):
        return Preset(name=Path(name_or_path).stem, path=_checked_file(Path(name_or_path), what), shipped=False)
    by_name = {preset.name: preset for preset in shipped}
    if name_or_path not in by_name:
        raise UserError(f"{what} {name_or_path!r} does not exist{nearest(name_or_path, list(by_name))}; {listing}")
    return by_name[name_or_path]


def shipped_presets() -> list[Preset]:
    """All presets that come with the package, by name."""
    return _shipped(preset_directory())


def shipped_sweeps() -> list[Preset]:
    """All sweeps that come with the package, by name."""
    return _shipped(preset_directory() / "sweeps")


def shipped_leagues() -> list[Preset]:
    """All leagues that come with the package, by name."""
    return _shipped(preset_directory() / "leagues")


def _shipped(folder: Path) -> list[Preset]:
    return [Preset(path.stem, path, shipped=True) for path in sorted(folder.glob("*.toml"))]


def preset_directory() -> Path:
    """Where the shipped presets are: beside this module when installed, else at the top of the source tree."""
    packaged = Path(__file__).parent / "_presets"
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / "presets"


def read_preset(preset: Preset) -> dict[str, Any]:
    """The tables of a preset."""
    try:
        return tomllib.loads(read_text(preset))
    except (ValueError, RecursionError) as error:  # not only a TOMLDecodeError: also thousands of digits or brackets
        raise UserError(f"{preset.path}: not valid TOML: {error}") from error


def read_text(preset: Preset) -> str:
    """A preset as it is written, without the byte-order mark that some editors put before it."""
    try:
        return preset.path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{preset.path}: not a text file in UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise UserError(f"{preset.path}: cannot be read: {error.strerror}") from error


def copy_preset(preset: Preset, destination: Path) -> Path:
    """Copies a preset to a file or into a directory; never over an existing file."""
    text = read_text(preset)
    usable(destination)
    target = destination / preset.path.name if destination.is_dir() else destination
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UserError(f"{target}: exists already; give another name", ExitCode.USAGE) from error
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}") from error
    return target


def nearest(name: str, names: Sequence[str]) -> str:
    """``; did you mean 'NAME'?`` when one of the names is close to what was given."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _checked_file(path: Path, what: str) -> Path:
    usable(path)
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if not path.is_file():
        raise UserError(f"{path}: not a file; a {what} is a TOML file")
    return path
