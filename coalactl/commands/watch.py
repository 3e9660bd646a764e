"""``coalactl watch``: an inner episode of trained agents to look at."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from coalactl import completion
from coalactl.watching.request import WatchRequest, checked


class Format(StrEnum):
    """Where the frames go."""

    TERMINAL = "terminal"
    GIF = "gif"


class Against(StrEnum):
    """Who is met."""

    NAIVE = "naive"
    META = "meta"


def watch(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run, an agent file or zoo:NAME; by default the newest below ./runs.",
            show_default=False,
            autocompletion=completion.players,
        ),
    ] = None,
    agent: Annotated[int, typer.Option(metavar="A", help="Which of the run's meta agents plays, from 0.")] = 0,
    episode: Annotated[
        int | None,
        typer.Option(metavar="N", help="The inner episode, from 0.", show_default="the last"),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Frames here, or an animated GIF.")] = Format.TERMINAL,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the GIF goes.", show_default="below RUN/watch/"),
    ] = None,
    against: Annotated[
        Against | None,
        typer.Option(
            help="A naive learner, or another meta agent or a copy.", show_default="naive where the run met any"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", min=0, max=2**31 - 1, help="The random seed.")] = 0,
    step: Annotated[
        int | None, typer.Option(metavar="K", min=0, help="The checkpoint.", show_default="the newest")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and nothing about it; of a GIF not where it is.")
    ] = False,
) -> None:
    """Play a meta-episode of a trained agent and show one inner episode; changes nothing of a run but RUN/watch/."""
    request = checked(
        WatchRequest(
            run=run,
            agent=agent,
            episode=episode,
            gif=form is Format.GIF,
            out=out,
            against=None if against is None else against.value,
            seed=seed,
            step=step,
            quiet=quiet,
        )
    )
    from coalactl.environment import load_jax

    load_jax()
    from coalactl.watching.launch import watch as launch

    launch(request)
