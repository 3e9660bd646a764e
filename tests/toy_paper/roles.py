"""Its one experiment."""

from __future__ import annotations

from coalactl.report.roles import Role
from coalactl_core.games import CLEANUP_LITE

ROLES = (
    Role("toy", ("cleanup-shaping-quick",), lambda config: config["environment"]["name"] == CLEANUP_LITE, "sequence"),
)
