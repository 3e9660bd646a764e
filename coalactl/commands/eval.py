"""``coalactl eval``: trained agents against a pool of opponents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coalactl import completion
from coalactl.evaluation.request import DEFAULT_EPISODES, EvalRequest, checked

_Out = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Write RUN/eval/NAME.parquet; of FILE.agent FILE-eval/NAME.parquet.",
        show_default="the pool's name",
    ),
]
_Episodes = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=1_000_000,
        help="Meta-episodes of each agent.",
        show_default=f"{DEFAULT_EPISODES}; axelrod: one against each strategy",
    ),
]


def evaluate(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN...]",
            help="Runs, packs, agent files or zoo:NAME; by default the newest below ./runs.",
            show_default=False,
            autocompletion=completion.players,
        ),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="POOL",
            help="mixed, naive, meta, tabular, classic, memory, axelrod, cross, probes, or a TOML file.",
            show_default="mixed; cross for several runs",
            autocompletion=completion.pools,
        ),
    ] = None,
    episodes: _Episodes = None,
    seed: Annotated[int, typer.Option(metavar="S", min=0, max=2**31 - 1, help="The random seed.")] = 0,
    step: Annotated[
        int | None, typer.Option(metavar="K", min=0, help="The checkpoint.", show_default="the newest")
    ] = None,
    p_naive: Annotated[
        float | None,
        typer.Option(metavar="P", help="Share of naive opponents in the pool mixed.", show_default="the run's own"),
    ] = None,
    out: _Out = None,
    by_step: Annotated[
        bool, typer.Option("--by-step", help="Also write the means of each step, RUN/eval/by-step/NAME.parquet.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:
    """Play trained agents against a pool of opponents; changes nothing of a run but RUN/eval/.

    Strategies of the Axelrod library that are no automata are asked in a loop in Python, some 35,000 moves a second.
    """
    request = checked(
        EvalRequest(
            runs=tuple(runs or ()),
            pool=pool,
            episodes=episodes,
            seed=seed,
            step=step,
            p_naive=p_naive,
            name=out,
            json=as_json,
            quiet=quiet,
            by_step=by_step,
        )
    )
    from coalactl.environment import load_jax

    load_jax()
    from coalactl.evaluation.launch import evaluate as launch

    launch(request)
