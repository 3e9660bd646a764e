"""Short labels of a run, a pack or a sweep, in ``tags.json`` in its folder, so that they move with it."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from coalactl.errors import ExitCode, UserError
from coalactl.overrides import shortened
from coalactl.runs.files import read_json, write_failures, write_json
from coalactl.runs.layout import refuse_links

TAGS_FILE = "tags.json"

_LABEL = re.compile(r"\w[\w.+:@=-]{0,39}")


def check_label(label: str) -> None:
    """Raises :class:`UserError` for what is no label: lists show several in one column, parted by commas."""
    if not _LABEL.fullmatch(label):
        raise UserError(
            f"{shortened(repr(label))} is no label; use up to 40 letters, digits and _ . + : @ = -, no space, "
            "beginning with a letter, a digit or _"
        )


def read_tags(path: Path) -> tuple[str, ...]:
    """The labels of what is at the path, in alphabetical order; raises :class:`UserError` (damaged)."""
    file = path / TAGS_FILE
    refuse_links([file])
    if not file.exists():
        return ()
    labels = read_json(file).get("tags")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UserError(f"{file} is damaged: it holds no labels; remove it", ExitCode.DAMAGED)
    return tuple(labels)


def change_tags(path: Path, *, add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
    """Adds and removes labels; what there is afterwards. The file of a run without labels is gone."""
    file = path / TAGS_FILE
    with write_failures(file), _alone_in(path):
        labels = tuple(sorted({*read_tags(path), *add} - {*remove}))
        if labels:
            write_json(file, {"tags": list(labels)})
        else:
            file.unlink(missing_ok=True)
    return labels


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time; the run's own lock is held as long as it trains, and labels are given then as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # Where a folder has no locks, of two at once the later counts.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
