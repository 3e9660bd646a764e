"""One run of the program on disk: its rows, its checkpoints and its status, in the order that survives a kill."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from coalactl.errors import ExitCode
from coalactl.paths import typed
from coalactl.runs.checkpoints import (
    NoWholeCheckpointError,
    discard_incomplete,
    drop_later,
    prune,
    restore,
    save,
    steps,
)
from coalactl.runs.directory import RunDirectory, State, Status
from coalactl.runs.files import write_failures
from coalactl.runs.manifests import DamagedCheckpointError, read_manifest
from coalactl.training.progress import last_rewards
from coalactl.training.rows import episode_rows, scalar_rows
from coalactl_core.configuration.kinds import Experiment
from coalactl_core.types import Metrics

if TYPE_CHECKING:
    from coalactl.engines import Engine
    from coalactl.runs.metric_files import MetricFiles

_log = logging.getLogger(__name__)


class RunStore:
    """The files of one run while it trains.

    ``diverged`` tells why it takes no more part in the training, ``saved`` the step of its newest checkpoint, and
    ``status`` what it has told last.
    """

    def __init__(self, run: RunDirectory, experiment: Experiment, status: Status) -> None:
        self.run = run
        self.settings = experiment.run
        self.status = status
        self.diverged: str | None = None
        self.saved = 0
        self._rows_reached: Callable[[int], None] = lambda _: None

    @cached_property
    def _files(self) -> MetricFiles:
        # Loads pandas: not before there are rows, so that training starts sooner.
        from coalactl.runs.metric_files import MetricFiles

        return MetricFiles(self.run)

    def on_rows(self, reached: Callable[[int], None]) -> None:
        """Has it called with the iteration before which all rows are on disk and stay there."""
        self._rows_reached = reached

    def restored(self, step: int) -> None:
        """Takes a checkpoint for the newest, which the run goes on from."""
        self.saved = step

    def stay_out(self, reason: str) -> None:
        """Takes no part in the training, as it diverged before; its files stay as they are."""
        self.diverged = reason

    def drop_after(self, step: int) -> float:
        """Drops what an earlier attempt left behind the checkpoint; the training time until there, in seconds.

        Later checkpoints, which were passed over, go first: one that could be read again at the next resume would have
        lost its rows.
        """
        from coalactl.runs.metric_files import read_metrics

        with write_failures(self.run.path):
            self.run.make_folders()
            self.run.remove_temporary_files()
            drop_later(self.run, step)
            discard_incomplete(self.run)
        self._files.keep_before(step)
        rows = read_metrics(self.run)
        return float(rows["seconds"].iloc[-1]) if len(rows) else 0.0

    def append(self, metrics: Metrics, lane: int, count: int, engine: Engine, seconds: np.ndarray) -> None:
        """Takes the rows and last rewards of one call of the engine, in which this run has a lane of the runs axis."""
        chosen = np.flatnonzero(metrics.iteration[lane, :count] % self.settings.log_every == 0)
        if len(chosen):
            scalars = scalar_rows(metrics, lane, chosen, engine, seconds)
            self._files.append(scalars, episode_rows(metrics, lane, chosen, engine))
        self.status = self.status._replace(last=last_rewards(metrics, lane, count))

    def save(self, state: Any, step: int) -> None:
        """A checkpoint: rows first, then the state, then older checkpoints go."""
        self._files.flush()
        save(self.run, step, state, rows=self._files.reached())
        self.saved = step
        prune(self.run, self.settings.keep)
        self._files.compact()
        _log.info("%s: checkpoint at iteration %d", self.run.path.name, step)
        self._rows_reached(step)

    def flush(self) -> None:
        """Has all rows on disk, those of a run that has come to its end."""
        self._files.flush()
        self._rows_reached(self._files.reached()[self.run.metrics_dir.name])

    def tell(self, state: State, iteration: int, seconds: float) -> None:
        """Writes the status."""
        self.status = self.status._replace(
            state=state, iteration=iteration, iterations=self.settings.iterations, seconds=round(seconds, 3)
        )
        self.run.write_status(self.status)

    def diverge(self, reason: str, iteration: int, seconds: float) -> None:
        """Ends the run at a number that is not finite; its rows until there are on disk."""
        self.diverged = reason
        self.flush()
        self.tell("diverged", iteration, seconds)

    def fail(self, reason: str) -> None:
        """Writes what has ended the training."""
        without_place = reason.replace(str(self.run.path.absolute()), ".")  # No file of a run holds its place.
        self.run.write_status(self.status._replace(state="failed", reason=without_place))


class FollowingStore(RunStore):
    """What a process other than the first does: nothing, since its state is the first one's."""

    def append(self, metrics: Metrics, lane: int, count: int, engine: Engine, seconds: np.ndarray) -> None:
        """Leaves it to the first process."""

    def save(self, state: Any, step: int) -> None:
        """Leaves it to the first process."""
        del state
        self.saved = step

    def flush(self) -> None:
        """Has nothing to write."""

    def tell(self, state: State, iteration: int, seconds: float) -> None:
        """Leaves it to the first process."""

    def fail(self, reason: str) -> None:
        """Leaves it to the first process."""


def restore_newest(
    runs: Sequence[RunDirectory], template: Any, tell: Callable[[str], None]
) -> tuple[int, list[Any]] | None:
    """The newest step at which the checkpoints of all the runs are whole, and their states; None before the first.

    To be whole, a checkpoint needs the metric rows before it; what comes after an earlier one is trained once more.
    Raises :class:`UserError` (damaged) when there were common checkpoints and none is whole.
    """
    common = set.intersection(*(set(steps(run)) for run in runs))
    failure: NoWholeCheckpointError | None = None
    for step in sorted(common, reverse=True):
        try:
            for run in runs:
                _require_rows(run, step, tell)
            return step, [restore(run, template, step, on_damage=tell)[1] for run in runs]
        except NoWholeCheckpointError as error:  # One of another format or structure is not passed over but told.
            failure = error
    if failure is not None:
        raise failure
    return None


def _require_rows(run: RunDirectory, step: int, tell: Callable[[str], None]) -> None:
    from coalactl.runs.metric_files import DamagedRowsError, check_rows

    try:
        check_rows(run, read_manifest(run, step).rows)
    except DamagedCheckpointError:
        return  # Restoring it comes to the same and tells it.
    except DamagedRowsError as damage:
        tell(f"checkpoint {step} is passed over: {damage}")
        raise NoWholeCheckpointError(
            f"{run.path}: no whole checkpoint is left; {damage}; put it back, or start a new run at the parameters "
            f"of this one with --init-from {typed(run.path)}",
            ExitCode.DAMAGED,
        ) from damage


def lane_of(state: Any, lane: int) -> Any:
    """One run's part of a pytree with a leading ``runs`` axis."""
    return jax.tree.map(lambda leaf: leaf[lane], state)


def stack(lanes: Sequence[Any]) -> Any:
    """Runs side by side on a leading axis."""
    return jax.tree.map(_stack, *lanes)


def _stack(*leaves: Any) -> Any:
    # Arrays of NumPy stay what they are: those of JAX may not have their precision.
    on_host = all(isinstance(leaf, np.ndarray | np.generic) for leaf in leaves)
    return np.stack(leaves) if on_host else jax.numpy.stack(leaves)
