"""Weights & Biases: offline unless ``$WANDB_MODE`` says otherwise; what is written can be uploaded by ``wandb sync``.

Offline, each attempt writes the whole run anew under the same ID and removes what earlier ones wrote: `wandb sync` of
several parts of a run keeps only the last. Online, the server says how far it has come.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import Any

from wandb import Settings, init

from coalactl.tracking.contract import Row, TrackedRun

_OFFLINE = ("offline", "dryrun")


def open_wandb(run: TrackedRun) -> WandbTracker:
    """The tracker of a run, in the mode that the user has set."""
    mode = os.environ.get("WANDB_MODE") or "offline"
    offline = mode in _OFFLINE
    if offline:
        for earlier in run.folder.glob(f"wandb/offline-run-*-{run.id}"):
            shutil.rmtree(earlier)
    opened = init(
        project=os.environ.get("WANDB_PROJECT") or "coalactl",
        dir=run.folder.absolute(),  # Its own process, which writes, may have been started elsewhere.
        id=run.id,
        name=run.name,
        group=run.group or None,
        tags=[f"{key}:{value}" for key, value in run.tags.items()],
        config=dict(run.config),
        mode=None if "WANDB_MODE" in os.environ else "offline",
        resume=None if offline else "allow",
        reinit="create_new",
        # The output is ours, the machine's load and the code are nobody's business, and links do not survive a move.
        settings=Settings(
            console="off", silent=True, symlink=False, x_disable_stats=True, disable_git=True, save_code=False
        ),
    )
    return WandbTracker(opened, first=0 if offline else int(opened.step or 0))


class WandbTracker:
    """An opened run of theirs."""

    def __init__(self, opened: Any, first: int) -> None:
        self.first = first
        self._opened = opened

    def log(self, rows: Sequence[Row]) -> None:
        """A step a row, with the time of the row."""
        for row in rows:
            self._opened.log({**row.values, "_timestamp": row.time}, step=row.iteration, commit=True)

    def close(self, state: str, final: Row | None) -> None:
        """What a finished run came to goes into the summary."""
        if final is not None:
            self._opened.summary.update(dict(final.values))
        self._opened.finish(exit_code=int(state in ("failed", "diverged")))
