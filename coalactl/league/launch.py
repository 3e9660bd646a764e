"""``coalactl league``: from a request to a league's folder, and what is told at the end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NoReturn

from coalactl.environment import prepare_jax
from coalactl.errors import ExitCode
from coalactl.league.definition import Definition, define
from coalactl.league.folder import LeagueFolder
from coalactl.league.groups import Gathered, gather
from coalactl.league.outcome import report
from coalactl.league.request import LeagueRequest
from coalactl.league.training import train_missing
from coalactl.leaving import STOPPED, leave
from coalactl.output import note
from coalactl.working import Tell, working

if TYPE_CHECKING:
    from coalactl.league.entrants import Assembled


def league(request: LeagueRequest) -> ExitCode:
    """Does what the request asks; raises :class:`UserError`, before anything is written where the request is wrong."""
    definition = define(request)
    with working("reading who plays", quiet=request.quiet):
        gathered = gather(definition, request.folder)
        prepare_jax()
        from coalactl.league.entrants import check_players

        check_players(gathered)
    if not request.words and not request.quiet:
        note(f"no entrants given: taking the league {request.definition}")
    folder = LeagueFolder.take(request.folder, definition)
    with folder.lock():
        code = train_missing(gathered.groups, request)
        if code is not ExitCode.OK:
            note(f"{STOPPED[code]}; saved; go on with: {request.command}")
            return code
        with working("loading who plays", quiet=request.quiet, leave=partial(_leave, request)) as tell:
            _play(folder, definition, gathered, tell)
        report(request)
    return ExitCode.OK


def _play(folder: LeagueFolder, definition: Definition, gathered: Gathered, tell: Tell) -> None:
    """Every meeting that is not played yet; each is kept as soon as it is."""
    from coalactl.league.entrants import assemble
    from coalactl.league.playing import play

    assembled = assemble(definition, gathered)
    folder.settle(definition, assembled)
    entrants, total = assembled.entrants, len(assembled.entrants) ** 2
    missing = folder.missing(len(entrants))
    for done, (first, second) in enumerate(missing, total - len(missing)):
        own, other = entrants[first], entrants[second]
        tell(f"{own.name} meets {other.name}", done, total)
        rows = play(own, other, assembled.game, episodes=definition.play.episodes, seed=definition.play.seed)
        folder.keep_meeting(first, second, rows)
    if definition.budget:
        _respond(folder, definition, assembled, tell)


def _respond(folder: LeagueFolder, definition: Definition, assembled: Assembled, tell: Tell) -> None:
    """Best responses to all who are frozen; each entrant's are kept as soon as they are trained."""
    from coalactl.league.responding import respond

    frozen = [number for number, entrant in enumerate(assembled.entrants) if entrant.kind != "learner"]
    for done, number in enumerate(frozen):
        entrant = assembled.entrants[number]
        if folder.has_responses(number, definition.budget):
            continue
        tell(f"training best responses to {entrant.name}", done, len(frozen))
        rows = respond(
            entrant, assembled.responder, assembled.game, budget=definition.budget, seed=definition.play.seed
        )
        folder.keep_responses(number, rows)


def _leave(request: LeagueRequest, code: ExitCode) -> NoReturn:
    leave(code, f"{STOPPED[code]}; meetings that were played are kept; go on with: {request.command}")
