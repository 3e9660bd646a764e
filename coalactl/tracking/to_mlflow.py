"""MLflow: a SQLite file in the run directory, or in that of the pack, unless ``$MLFLOW_TRACKING_URI`` names a store.

A store in a database keeps a metric of equal step, time and value once. The time of a row is kept with it, so that what
is told again after a kill stands there once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from mlflow import MlflowClient
from mlflow.entities import Experiment, Metric, Param
from mlflow.exceptions import MlflowException

from coalactl.tracking.contract import Row, TrackedRun

_URI = "MLFLOW_TRACKING_URI"
if not os.environ.get(_URI):  # A SQLite file needs what the package does not bring along.
    import alembic  # noqa: F401
    import sqlalchemy  # noqa: F401

_ID = "coalactl.id"
# What a request may hold.
_METRICS, _PARAMS, _LETTERS = 1000, 100, 6000
_STATES = {"finished": "FINISHED", "interrupted": "KILLED", "preempted": "KILLED"}


class MlflowTracker:
    """A run of theirs, found again by a tag."""

    def __init__(self, run: TrackedRun) -> None:
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self._client = MlflowClient(tracking_uri=os.environ.get(_URI) or _local(run))
        experiment = _experiment(self._client)
        runs = self._client.search_runs([experiment], f"tags.`{_ID}` = '{run.id}'")
        if runs:
            self._id = runs[0].info.run_id
            self.first = run.told
            self._client.update_run(self._id, status="RUNNING")
        else:
            self._id = self._created(experiment, run)
            self.first = 0

    def log(self, rows: Sequence[Row]) -> None:
        """All metrics of the rows, in requests as large as they may be."""
        metrics = [
            Metric(name, value, round(1000 * row.time), row.iteration)
            for row in rows
            for name, value in row.values.items()
        ]
        for begin in range(0, len(metrics), _METRICS):
            self._client.log_batch(self._id, metrics=metrics[begin : begin + _METRICS])

    def close(self, state: str, final: Row | None) -> None:
        """What a finished run came to, and how it ended."""
        if final is not None:
            self.log([final])
        self._client.set_terminated(self._id, _STATES.get(state, "FAILED"))

    def _created(self, experiment: str, run: TrackedRun) -> str:
        tags = {_ID: run.id, **run.tags, **({"group": run.group} if run.group else {})}
        created: str = self._client.create_run(experiment, tags=tags, run_name=run.name).info.run_id
        params = [Param(key, str(value)[:_LETTERS]) for key, value in run.config.items()]
        for begin in range(0, len(params), _PARAMS):
            self._client.log_batch(created, params=params[begin : begin + _PARAMS])
        return created


def _local(run: TrackedRun) -> str:
    run.shared.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{(run.shared / 'mlflow.db').absolute()}"


def _experiment(client: MlflowClient) -> str:
    """The ID of the experiment, which another process may be making too."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "coalactl"
    experiment: Experiment | None = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    return str(experiment.experiment_id)
