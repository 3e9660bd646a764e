"""From a request to files and tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from coalactl.environment import prepare_jax
from coalactl.evaluation.contestants import Contestant, Entry, check_same_game, contestants_of, enter, newest
from coalactl.evaluation.files import Result, Target, target_in, write
from coalactl.evaluation.lineups import Opponent, check_fits, meta_episodes, opponents_of, with_learners
from coalactl.evaluation.pools import AXELROD, MIXED, Pool, find_pool
from coalactl.evaluation.request import DEFAULT_EPISODES, EvalRequest
from coalactl.output import emit_json, note
from coalactl.paths import escaped
from coalactl.runs.directory import utc_now
from coalactl.runs.provenance import describe_attempt
from coalactl.runs.sources import digests_of
from coalactl.working import Tell, working

if TYPE_CHECKING:
    import pandas as pd

    from coalactl.evaluation.estimates import Line

_ROOT = Path("runs")
# What mixed takes where a run met one kind only.
_HALF = 0.5


class _Played(NamedTuple):
    """What was played, in the order of the contestants; ``request`` as it was met, with ``episodes`` of each agent."""

    request: EvalRequest
    contestants: Sequence[Contestant]
    shares: Sequence[float]
    results: Sequence[Result]


def evaluate(request: EvalRequest) -> None:
    """Does what the request asks; raises :class:`UserError`, before anything is written where the request is wrong."""
    paths = request.runs or (newest(_ROOT),)
    if not request.runs:
        _tell(request, f"evaluating {paths[0]}, the newest below {_ROOT}")
    with working("reading the runs", quiet=not request.tells_progress) as tell:
        entries = enter(paths, request.step)
        pool = _pool(request, entries)
        check_fits(pool, entries)
        name = request.name or pool.name
        targets = [target_in(entry.run, name) for entry in entries]
        request, contestants, shares, results = _played(request, pool, entries, tell)
    for target, contestant, share, result in zip(targets, contestants, shares, results, strict=True):
        if target.exists:
            _tell(request, f"replacing {target.rows}")
        write(target, result, _about(request, pool, contestant, share))
    _report(request, pool, contestants, [result.rows for result in results], targets)


def _played(request: EvalRequest, pool: Pool, entries: Sequence[Entry], tell: Tell) -> _Played:
    tell("loading JAX")
    prepare_jax()
    tell("loading checkpoints")
    contestants = with_learners(contestants_of(entries, request.step), pool)
    shares = [_p_naive(request, pool, contestant) for contestant in contestants]
    tell("finding the opponents")
    opponents = [
        [opponents_of(index, agent, contestants, pool, share) for agent in range(len(contestants[index].agents))]
        for index, share in enumerate(shares)
    ]
    episodes = _episodes(request, pool, max(len(met) for agents in opponents for met in agents))
    request = request._replace(episodes=episodes)
    lineups = [[_lineup(met, episodes) for met in agents] for agents in opponents]
    total, done = sum(map(len, lineups)), 0
    results = []
    for index, agents in enumerate(lineups):
        tell_agent = partial(_tell_agent, tell, episodes, contestants[index].entry.label, done, total)
        results.append(_results(request, index, contestants, agents, tell_agent))
        done += len(agents)
    return _Played(request, contestants, shares, results)


def _tell_agent(
    tell: Tell, episodes: int, label: str, before: int, total: int, agent: int, asked: tuple[int, int] | None = None
) -> None:
    """A program is compiled where the first of its agents plays; ``asked``: steps of the loop that asks opponents."""
    if asked is None:
        tell(f"{label}, agent {agent}: {episodes} meta-episodes", before + agent, total)
    else:
        tell(f"{label}, agent {agent}: asking strategies of Axelrod in Python, steps", *asked)


def _pool(request: EvalRequest, entries: Sequence[Entry]) -> Pool:
    several = len(request.runs) > 1
    if request.pool is None and several:
        _tell(request, "several runs: the pool cross; name another by --pool")
    pool = find_pool(request.pool or ("cross" if several else MIXED), len(entries))
    if request.p_naive is not None and pool.name != MIXED:
        from coalactl.errors import UserError

        raise UserError(f"--p-naive: it is for --pool {MIXED}; {pool.name!r} has weights of its own")
    if "cross" in pool.kinds:
        check_same_game(entries)
    return pool


def _p_naive(request: EvalRequest, pool: Pool, contestant: Contestant) -> float:
    """How often opponents are naive in the pool mixed: as asked for, as in training, or half where that was 0 or 1."""
    if request.p_naive is not None:
        return request.p_naive
    own = contestant.p_naive
    if pool.name != MIXED or 0 < own < 1:
        return own
    label = contestant.entry.label
    _tell(request, f"{label} trained with p_naive {own:g}; mixed takes {_HALF}, --p-naive another share")
    return _HALF


def _episodes(request: EvalRequest, pool: Pool, opponents: int) -> int:
    """How many meta-episodes each agent plays: as asked for, and as many as an agent has opponents, at least."""
    if request.episodes is None and pool.name == AXELROD:
        return opponents
    episodes = request.episodes or DEFAULT_EPISODES
    if episodes >= opponents:
        return episodes
    _tell(request, f"--episodes {episodes}: the pool has {opponents} opponents, each is met once")
    return opponents


def _lineup(opponents: Sequence[Opponent], episodes: int) -> list[tuple[Opponent, int]]:
    """An agent's opponents and how often it meets them."""
    counts = meta_episodes([opponent.weight for opponent in opponents], episodes)
    return list(zip(opponents, counts, strict=True))


def _results(
    request: EvalRequest,
    index: int,
    contestants: Sequence[Contestant],
    lineups: Sequence[Sequence[tuple[Opponent, int]]],
    tell: Callable[..., None],
) -> Result:
    """What the agents of one run came to."""
    import pandas as pd

    from coalactl.evaluation.playing import play
    from coalactl.evaluation.rows import rows_of, steps_of

    payoffs, parts, steps = contestants[index].payoffs, [], []
    for agent, opponents in enumerate(lineups):
        tell(agent)
        told = partial(tell, agent)
        played = play(index, agent, contestants, opponents, request.seed, told, by_step=request.by_step)
        parts.append(rows_of(agent, played, payoffs))
        if request.by_step:
            steps.append(steps_of(agent, played))
    return Result(pd.concat(parts, ignore_index=True), pd.concat(steps, ignore_index=True) if steps else None)


def _about(request: EvalRequest, pool: Pool, contestant: Contestant, p_naive: float) -> dict[str, Any]:
    attempt = describe_attempt(sys.argv[1:])
    kinds = [each.model_dump(exclude_none=True) for each in pool.of_run(p_naive)]
    return {
        "pool": pool.name,
        "opponents": kinds,
        "episodes": request.episodes,
        "seed": request.seed,
        "step": contestant.step,
        "p_naive": p_naive,
        "made": utc_now(),
        "versions": {"python": attempt["python"], **attempt["packages"]},
        "source": attempt["source"],
        "command": ["coalactl", *attempt["command"]],
        **digests_of([contestant.entry.run.path]),
    }


def _report(
    request: EvalRequest,
    pool: Pool,
    contestants: Sequence[Contestant],
    results: Sequence[pd.DataFrame],
    targets: Sequence[Target],
) -> None:
    from coalactl.evaluation.estimates import lines_of, matrix

    lines = lines_of(contestants, results)
    labels = [contestant.entry.label for contestant in contestants]
    rewards = matrix(contestants, results) if "cross" in pool.kinds else None
    if request.json:
        cross_play = {"runs": labels, "reward": rewards} if rewards else None
        emit_json(_object(request, pool, contestants, targets, lines, cross_play))
    elif not request.quiet:
        from coalactl.evaluation.view import show, show_matrix
        from coalactl.terminal import OurConsole

        console = OurConsole(highlight=False)
        show(console, lines)
        if rewards:
            show_matrix(console, labels, rewards)
        for target in targets:
            console.print(escaped(f"rows:        {target.rows}"), markup=False, soft_wrap=True)
            if request.by_step:
                console.print(escaped(f"by step:     {target.steps}"), markup=False, soft_wrap=True)


def _object(
    request: EvalRequest,
    pool: Pool,
    contestants: Sequence[Contestant],
    targets: Sequence[Target],
    lines: Sequence[Line],
    cross_play: dict[str, Any] | None,
) -> dict[str, Any]:
    """What ``--json`` prints."""
    runs = [
        {
            "run_dir": str(each.entry.run.path),
            "label": each.entry.label,
            "step": each.step,
            "file": str(target.rows),
            "by_step": str(target.steps) if request.by_step else None,
        }
        for each, target in zip(contestants, targets, strict=True)
    ]
    return {
        "pool": pool.name,
        "episodes": request.episodes,
        "seed": request.seed,
        "runs": runs,
        "table": [
            {**line._asdict(), "estimates": {name: interval._asdict() for name, interval in line.estimates.items()}}
            for line in lines
        ],
        "matrix": cross_play,
    }


def _tell(request: EvalRequest, text: str) -> None:
    if not request.quiet:
        note(text)
