"""One attempt at training: the session with its view and signals, and what is told at its end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from coalactl.configuration import method_name
from coalactl.errors import ExitCode, UserError, in_words
from coalactl.leaving import STOPPED
from coalactl.output import note
from coalactl.paths import typed
from coalactl.runs.directory import Status
from coalactl.tracking.telling import telling
from coalactl.training.outcome import report
from coalactl.training.records import Company, Runs, Training
from coalactl.training.request import TrainRequest
from coalactl.training.views import choose_view

if TYPE_CHECKING:
    from coalactl.training.progress import View
    from coalactl.training.store import RunStore

_log = logging.getLogger(__name__)


def run_attempt(training: Training, request: TrainRequest, company: Company) -> ExitCode:
    """Trains to the end, a signal or a failure, and tells how it went."""
    runs, stores = training.runs, training.stores
    view = choose_view(_title(runs, stores), quiet=request.quiet)
    company.stop.on_first(
        lambda name: view.message(f"{name}: finishing the running call and saving; once more leaves at once"),
        lambda: _saved(stores),
    )
    try:
        code = train_on(training, view, company)
    finally:
        view.close()
    if code is not ExitCode.OK:
        if company.peers.leads:
            resuming = f"coalactl train --resume {typed(runs.path)}"
            note(f"{STOPPED[code]}; {_saved(stores)}; go on with: {resuming}")
        return code
    return report(runs.runs, runs.path, request) if company.peers.leads else code


def train_on(training: Training, view: View, company: Company) -> ExitCode:
    """Trains on, and tells trackers; raises what ended the training, with the status written."""
    from coalactl.training.session import Session

    going_on = [store for store in training.stores if store.diverged is None]
    with telling([store.run for store in going_on], company.trackers, training.iteration, view.message) as advance:
        for store in going_on:
            store.on_rows(partial(advance, store.run))
        try:
            return Session(training, view, company).run()
        except Exception as error:  # Nothing is handled: what ends a training is noted with its runs, and raised on.
            _note_failure(training.stores, error)
            raise


def _note_failure(stores: Sequence[RunStore], error: Exception) -> None:
    """The status of runs that a failure has ended; where that is a failed write it cannot always be written either."""
    _log.error("%s", in_words(error))
    for store in stores:
        if store.diverged is None and store.status.state == "running":
            try:
                store.fail(in_words(error))
            except UserError:  # The same full disk; the error that is being raised tells the user.
                return


def stores_of(runs: Runs, preset: str, *, leads: bool = True) -> list[RunStore]:
    """The files of each run; only the first of several processes writes them."""
    from coalactl.training.store import FollowingStore, RunStore

    kind = RunStore if leads else FollowingStore
    stores = []
    for run, experiment in zip(runs.runs, runs.experiments, strict=True):
        status = Status(preset=preset, method=method_name(experiment), seed=experiment.run.seed)
        stores.append(kind(run, experiment, status))
    return stores


def _saved(stores: Sequence[RunStore]) -> str:
    """What stands of the training."""
    saved = max(store.saved for store in stores)
    return f"saved at iteration {saved}" if saved else "nothing to save"


def _title(runs: Runs, stores: Sequence[RunStore]) -> str:
    seeds = [seed for experiment in runs.experiments for seed in experiment.seeds]
    named = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    status = stores[0].status
    return f"{status.preset or runs.path.name}  {status.method}  {named}  in {runs.path}"


def warn(text: str) -> None:
    """One line to the user and the log."""
    _log.warning(text)
    note(text)
