"""One attempt at training: the session with its view and signals, and what is told at its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from coalactl.configuration import method_name
from coalactl.console import choose_view
from coalactl.errors import ExitCode, UserError, in_words
from coalactl.leaving import STOPPED
from coalactl.output import note
from coalactl.paths import typed
from coalactl.runs.directory import RunDirectory, Status
from coalactl.runs.pack import Pack
from coalactl.training.outcome import report
from coalactl.training.peers import ALONE, Peers
from coalactl.training.request import TrainRequest
from coalactl.training.signals import StopSignals
from coalactl_core.experiments import Experiment

if TYPE_CHECKING:
    from coalactl.engines import Engine
    from coalactl.training.progress import View
    from coalactl.training.store import RunStore

_log = logging.getLogger(__name__)


class Runs(NamedTuple):
    """The runs that one program trains, with the configuration of each: one run, a pack, or several packs."""

    path: Path
    runs: tuple[RunDirectory, ...]
    experiments: tuple[Experiment, ...]
    parts: tuple[RunDirectory | Pack, ...]
    """What is locked as a whole."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one writer."""
        with ExitStack() as locks:
            for part in self.parts:
                locks.enter_context(part.lock())
            yield


class Beginning(NamedTuple):
    """Where an attempt begins: iterations done and their training time."""

    iteration: int
    seconds: float


def run_attempt(
    runs: Runs,
    engine: Engine,
    stores: Sequence[RunStore],
    state: Any,
    beginning: Beginning,
    request: TrainRequest,
    stop: StopSignals,
    peers: Peers = ALONE,
) -> ExitCode:
    """Trains from a beginning to the end, a signal or a failure, and tells how it went."""
    view = choose_view(_title(runs, stores), quiet=request.quiet)
    stop.on_first(
        lambda name: view.message(f"{name}: finishing the running call and saving; once more leaves at once"),
        lambda: _saved(stores),
    )
    try:
        code = train_on(engine, stores, state, beginning, view, stop, peers)
    finally:
        view.close()
    if code is not ExitCode.OK:
        if peers.leads:
            resuming = f"coalactl train --resume {typed(runs.path)}"
            note(f"{STOPPED[code]}; {_saved(stores)}; go on with: {resuming}")
        return code
    return report(runs.runs, runs.path, request) if peers.leads else code


def train_on(
    engine: Engine,
    stores: Sequence[RunStore],
    state: Any,
    beginning: Beginning,
    view: View,
    stop: StopSignals,
    peers: Peers = ALONE,
) -> ExitCode:
    """Trains from a beginning; raises what ended the training, with the status written."""
    from coalactl.training.session import Session

    try:
        return Session(engine, stores, state, view, stop, peers).run(beginning.iteration, beginning.seconds)
    except Exception as error:  # Whatever ended it: the runs' status has it, and it goes on as it is.
        _note_failure(stores, error)
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
