"""A report on disk: ``report.json`` is written last, and only a folder that is empty or a report is written to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from coalactl.errors import UserError
from coalactl.report.building import FIGURES, FORMATS, Report, as_json, description, texts
from coalactl.report.drawing import render
from coalactl.report.page import page
from coalactl.runs.directory import make_folder
from coalactl.runs.files import read_json, write_failures, write_text

DESCRIPTION = "report.json"
_OURS = re.compile(
    rf"(tables|figures)/[^/]+\.({'|'.join(FORMATS)})|claims\.(md|json)|index\.html|{re.escape(DESCRIPTION)}"
)


class Written(NamedTuple):
    """Where a report is, and what its ``report.json`` says."""

    out: Path
    description: dict[str, Any]


def check_target(out: Path) -> None:
    """Raise :class:`UserError` unless a report can be written there."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: a file is in the way; choose another --out")
    if out.exists() and any(out.iterdir()):
        if not (out / DESCRIPTION).is_file():
            raise UserError(f"{out} is not empty and holds no report; choose another --out")
        _earlier(out)


def write_report(
    report: Report, paths: Sequence[Path], out: Path, formats: Sequence[str], width: float | None = None
) -> Written:
    """Write all files in the place of those of an earlier report; other files stay as they are."""
    kinds = ("svg", *(kind for kind in FIGURES if kind in formats))
    drawings = {figure.name: render(figure, kinds, width) for figure in report.figures}
    files: dict[str, str] = {**texts(report, formats), "index.html": page(report, drawings)}
    images = {
        f"figures/{name}.{kind}": content
        for name, drawn in drawings.items()
        for kind, content in drawn.images.items()
        if kind in formats
    }
    names = (*files, *images, DESCRIPTION)
    described = description(report, paths, out, formats, names)
    make_folder(out)
    earlier = _earlier(out)
    for name in names:
        if name not in earlier and (out / name).exists():
            raise UserError(f"{out / name} is not of an earlier report; move it away, or choose another --out")
    with write_failures(out):
        # A figure of other runs must not stay beside this report's.
        for name in (DESCRIPTION, *earlier):
            (out / name).unlink(missing_ok=True)
        for name, text in files.items():
            (out / name).parent.mkdir(exist_ok=True)
            write_text(out / name, text)
        for name, content in images.items():
            (out / name).write_bytes(content)
        write_text(out / DESCRIPTION, as_json(described))
    return Written(out, described)


def _earlier(out: Path) -> list[str]:
    """The files of the report that is there, as it lists them; raises :class:`UserError` where it does not."""
    if not (out / DESCRIPTION).is_file():
        return []
    files = read_json(out / DESCRIPTION).get("files")
    if not isinstance(files, list):
        raise UserError(f"{out / DESCRIPTION} does not list the report's files; remove {out}, or choose another --out")
    return [name for name in files if isinstance(name, str) and _OURS.fullmatch(name)]
