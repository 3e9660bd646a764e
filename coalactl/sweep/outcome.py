"""What is told of a sweep: the plan before, the table or the JSON object at the end, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from coalactl.errors import ExitCode, UserError
from coalactl.output import emit, emit_json
from coalactl.pace.estimates import Planned, estimate
from coalactl.paths import escaped, typed
from coalactl.sweep.definition import Sweep
from coalactl.sweep.folder import Failure
from coalactl.sweep.overview import Observer
from coalactl.sweep.plan import Trial, in_words
from coalactl.sweep.request import SweepRequest
from coalactl.sweep.selection import Result, as_json, choose
from coalactl.terminal import OurConsole
from coalactl.words import quantity
from coalactl_core.configuration.experiment import SequenceExperiment

_TOLD_FAILURES = 10


def describe(sweep: Sweep, trials: Sequence[Trial], *, json: bool) -> None:
    """``--dry-run``: the trials and what they take; nothing is written or measured."""
    counts = needs(sweep, trials)
    time = estimate(trainings_of(sweep, trials))
    if json:
        listed = [{"trial": trial.id, "method": trial.method, "values": dict(trial.values)} for trial in trials]
        needed = {**counts, "estimated_seconds": time.seconds}
        emit_json({"sweep": sweep.name, "preset": sweep.preset, **needed, "list": listed})
        return
    for trial in trials:
        emit(f"{trial.id}  {in_words(trial.values)}")
    emit(f"sweep:      {sweep.name}, of preset {sweep.preset}")
    emit(f"selection:  {len(trials)} trials, {counts['selection_runs']} runs on seeds {_list(sweep.selection.seeds)}")
    emit(f"            by {sweep.selection.metric}, {sweep.selection.direction}")
    if sweep.final_seeds:
        emit(f"final:      {counts['final_runs']} runs on seeds {_list(sweep.final_seeds)}")
    if counts["steps"]:
        emit(f"steps:      {quantity(counts['steps'])} in all")
    emit(f"time:       {time.words}")


def needs(sweep: Sweep, trials: Sequence[Trial]) -> dict[str, int]:
    """How many trials and runs a sweep has, and how many environment steps they are; of exact games none."""
    longest = _longest(trials)
    return {
        "trials": len(trials),
        "selection_runs": len(trials) * len(sweep.selection.seeds),
        "final_runs": len(longest) * len(sweep.final_seeds),
        "steps": sum(map(_steps, trials)) * len(sweep.selection.seeds)
        + sum(map(_steps, longest)) * len(sweep.final_seeds),
    }


def trainings_of(sweep: Sweep, trials: Sequence[Trial]) -> list[Planned]:
    """What a sweep trains; of the final runs, whose values are not chosen yet, the longest trial of each method."""
    final = [Planned(trial.experiment, len(sweep.final_seeds)) for trial in _longest(trials) if sweep.final_seeds]
    return [*(Planned(trial.experiment, len(trial.seeds)) for trial in trials), *final]


def _longest(trials: Sequence[Trial]) -> list[Trial]:
    """Of each method the trial with most steps."""
    methods = dict.fromkeys(trial.method for trial in trials)
    return [max((trial for trial in trials if trial.method == method), key=_steps) for method in methods]


def report(observer: Observer, request: SweepRequest) -> ExitCode:
    """Prints what the sweep came to; raises :class:`UserError` (failed) that names what failed."""
    final = observer.final_results()
    chosen = choose(observer.results(), observer.sweep.selection.direction)
    failures = observer.failures()
    if request.json:
        emit_json(_object(observer, chosen, final, failures))
    elif not request.quiet:
        _show(observer, chosen, final)
    if failures:
        named = [f"{name} ({failure.reason})" for name, failure in list(failures.items())[:_TOLD_FAILURES]]
        more = f" and {len(failures) - _TOLD_FAILURES} more" if len(failures) > _TOLD_FAILURES else ""
        raise UserError(f"{len(failures)} failed: {'; '.join(named)}{more}", ExitCode.FAILED)
    return ExitCode.OK


def _object(
    observer: Observer, chosen: Mapping[str, Result], final: Sequence[Result], failures: Mapping[str, Failure]
) -> dict[str, Any]:
    sweep = observer.sweep
    return {
        "sweep_dir": str(observer.folder.path),
        "trials": [{**as_json(result, sweep), "state": result.state} for result in observer.results()],
        "selection": {method: as_json(result, sweep) for method, result in chosen.items()},
        "final": {result.trial.method: {**as_json(result, sweep), "state": result.state} for result in final},
        "failures": {name: failure._asdict() for name, failure in failures.items()},
    }


def _show(observer: Observer, chosen: Mapping[str, Result], final: Sequence[Result]) -> None:
    sweep, console = observer.sweep, OurConsole(highlight=False)
    title = f"{sweep.selection.metric}, mean over the last tenth of the iterations"
    table = Table(title=title, title_justify="left", title_style="italic")
    table.add_column("method")
    table.add_column("chosen")
    table.add_column(f"selection\n{len(sweep.selection.seeds)} seeds", justify="right")
    if sweep.final_seeds:
        table.add_column(f"final\n{len(sweep.final_seeds)} seeds", justify="right", style="bold")
    table.add_column("each final seed" if sweep.final_seeds else "each seed")
    by_method = {result.trial.method: result for result in final}
    for method, result in chosen.items():
        ended = by_method.get(method) if sweep.final_seeds else result
        means = [_number(result.mean), *([_number(ended.mean if ended else None)] if sweep.final_seeds else [])]
        seeds = " ".join(_number(value) for value in ended.per_seed.values()) if ended else ""
        table.add_row(method, in_words(result.trial.values), *means, seeds)
    console.table(table)
    named = typed(observer.folder.path)
    lines = [f"files:   {observer.folder.path}", f"trials:  {observer.folder.trials_file}"]
    lines += [f"again:   coalactl sweep --resume {named}"]
    for line in lines:
        console.print(escaped(line), markup=False, soft_wrap=True)


def _steps(trial: Trial) -> int:
    experiment = trial.experiment
    each = experiment.steps_per_iteration if isinstance(experiment, SequenceExperiment) else 0
    return each * experiment.run.iterations


def _list(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
