"""From figures to verdicts: trains what is missing, evaluates, reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from coalactl.errors import ExitCode, UserError
from coalactl.leaving import STOPPED
from coalactl.output import emit, emit_json, note
from coalactl.papers.contract import Exhibit
from coalactl.papers.table import results
from coalactl.papers.trains import TrainingPart, each_once
from coalactl.report.judging import Judgement
from coalactl.report.verdicts import in_one_line
from coalactl.report.writing import check_target
from coalactl.reproduction.costs import describe
from coalactl.reproduction.request import ReproduceRequest
from coalactl.reproduction.sweeps import folder_of
from coalactl.runs.directory import RunDirectory
from coalactl.runs.pack import Pack
from coalactl.sweep.folder import Failure, SweepFolder
from coalactl.sweep.launch import executor_of, work
from coalactl.sweep.overview import Observer
from coalactl.working import working

REPORT = "report"


def reproduce(request: ReproduceRequest) -> ExitCode:
    """Does what the request asks.

    Raises :class:`UserError`, after the report where there is one: runs failed, or a claim was not reproduced.
    """
    if request.lists:
        describe(json=request.json, quiet=request.quiet)
        return ExitCode.OK
    executor = executor_of(request.as_sweep())
    # Before hours of training, not after them.
    check_target(request.folder / REPORT)
    exhibits = request.exhibits
    parts = each_once(part for exhibit in exhibits for part in exhibit.trains.at(request.scale))
    folders = _folders(parts, request)
    observers: dict[str, Observer] = {}
    for part in parts:
        if any(source.name not in observers or observers[source.name].failures() for source in part.sources.values()):
            continue  # Agents that it begins with are not there; that run's failure is told below.
        folder = folders[part.name]
        with working(f"looking at what there is of {part.name}", quiet=request.quiet):
            observers[part.name] = observer = Observer(folder, folder.read_sweep())
            observer.final_jobs()  # Those of a sweep that was here before.
        if observer.is_open():
            code = work(observer, executor, quiet=request.quiet)
            if code is not ExitCode.OK:
                note(f"{STOPPED[code]}; saved; go on with: {request.command}")
                return code
        observer.final_jobs()  # Those of a choice that was made elsewhere.
    for exhibit in exhibits:
        if exhibit.pool:
            names = [part.name for part in exhibit.trains.at(request.scale)]
            _evaluate([observers[name] for name in names if name in observers], exhibit, request)
    failures = {name: why for observer in observers.values() for name, why in observer.failures().items()}
    if [run for observer in observers.values() for run in _finished(observer)]:
        _tell(request, exhibits, _report(request), failures)
    if failures:
        reasons = "; ".join(f"{name} ({failure.reason})" for name, failure in failures.items())
        raise UserError(f"{len(failures)} failed: {reasons}", ExitCode.FAILED)
    return ExitCode.OK


def _folders(parts: Sequence[TrainingPart], request: ReproduceRequest) -> dict[str, SweepFolder]:
    """Of each part its folder, by name."""
    folders = {}
    with working("planning", quiet=request.quiet) as tell:
        for done, part in enumerate(parts):
            tell(f"planning {part.name}", done, len(parts))
            folders[part.name] = folder_of(part, request.folder)
    return folders


def _evaluate(observers: Sequence[Observer], exhibit: Exhibit, request: ReproduceRequest) -> None:
    """Plays the trained agents against the exhibit's pool, those that have not done so yet, under the exhibit's name.

    A user's own evaluation of a pool may be of other episodes or another checkpoint.
    """
    from coalactl.evaluation.launch import evaluate
    from coalactl.evaluation.request import DEFAULT_EPISODES, EvalRequest

    name = exhibit.name.replace("/", "-")
    runs = [
        run.path
        for observer in observers
        for run in _finished(observer)
        if not (run.path / "eval" / f"{name}.json").exists()
    ]
    if not runs:
        return
    if not request.quiet:
        note(f"evaluating {len(runs)} runs against the pool {exhibit.pool}")
    evaluate(
        EvalRequest(
            runs=tuple(runs),
            pool=exhibit.pool,
            episodes=exhibit.episodes or DEFAULT_EPISODES,
            seed=0,
            step=None,
            p_naive=None,
            name=name,
            json=False,
            quiet=True,
            by_step=exhibit.by_step,
            progress=not request.quiet,
        )
    )


def _finished(observer: Observer) -> Iterator[RunDirectory]:
    """The runs that count: the final ones where there was a choice."""
    for job in observer.final_jobs() if observer.sweep.final_seeds else observer.jobs:
        if observer.folder.standing(job).state == "finished":
            yield from Pack.open(job.path).runs


def _report(request: ReproduceRequest) -> Sequence[Judgement]:
    """On everything below the folder, also what other figures have left there."""
    from coalactl.report import building, writing

    out = request.folder
    with working(f"reading the runs in {out}", quiet=request.quiet) as tell:
        made = building.build([out], results())
        tell(f"drawing and writing {out / REPORT}")
        writing.write_report(made, [out], out / REPORT, building.FORMATS)
    return made.judgements


def _tell(
    request: ReproduceRequest,
    exhibits: Sequence[Exhibit],
    judgements: Sequence[Judgement],
    failures: Mapping[str, Failure],
) -> None:
    """Prints the verdicts; raises :class:`UserError` (failed) for claims that were not met by runs that are whole."""
    asked = {exhibit.id for exhibit in exhibits}
    ours = [judgement for judgement in judgements if judgement.exhibit.id in asked]
    page = request.folder / REPORT / "index.html"
    if request.json:
        from coalactl.report.judging import as_json

        emit_json(
            {
                "out": str(request.folder),
                "scale": request.scale.value,
                "report": str(page),
                "claims": [as_json(judgement) for judgement in ours],
                "failures": {name: failure._asdict() for name, failure in failures.items()},
            }
        )
    elif not request.quiet:
        for judgement in ours:
            emit(in_one_line(judgement))
        emit(str(page))
    missed = sorted({judgement.exhibit.label for judgement in ours if judgement.verdict == "not reproduced"})
    if missed and not failures:
        raise UserError(f"not reproduced: {', '.join(missed)}; {page} has the numbers", ExitCode.FAILED)
