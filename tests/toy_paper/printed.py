"""A table of values, which gives one rate for all."""

from __future__ import annotations

from coalactl.report.exhibits import Printed, PrintedTable
from coalactl_core.games import CLEANUP_LITE

PRINTED = Printed(
    tables=(
        PrintedTable(
            name="toy-hyperparameters",
            title="Rates beside the toy's",
            note="",
            covers=lambda setting: setting.game == CLEANUP_LITE,
            values=lambda *_: {"meta.learning_rate": 0.125},
        ),
    )
)
