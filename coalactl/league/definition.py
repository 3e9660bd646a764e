"""Who plays in a league, and how much: from a TOML file, or from words of the command line.

A file holds a list of tables ``[[entrants]]``, each with one of ``run``, ``preset``, ``learner`` and ``strategy``; a
table ``[play]``; and ``[exploitability]`` where best responses are to be trained.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from coalactl import zoo
from coalactl.complaints import one_line
from coalactl.errors import UserError
from coalactl.league.request import LeagueRequest
from coalactl.overrides import shortened
from coalactl.presets import DEFAULT_PRESET, find_file, nearest, read_preset, shipped_leagues
from coalactl_core.configuration import strategies
from coalactl_core.configuration.numbers import Section, Size
from coalactl_core.coplayers import algorithm_names
from coalactl_core.plugins import installed

_Seed = Annotated[int, Field(ge=0, lt=2**31)]
_Seeds = Annotated[tuple[_Seed, ...], Field(strict=False, min_length=1, max_length=1000)]
_Runs = Annotated[
    tuple[str, ...], BeforeValidator(lambda runs: [runs] if isinstance(runs, str) else runs), Field(strict=False)
]
_KINDS = ("run", "preset", "learner", "strategy")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+:~-]{0,63}")
# Of learners, whose training is their meta-episode, and of strategies that are drawn.
FIVE_SEEDS = (0, 1, 2, 3, 4)


class EntrantConfig(Section):
    """One entrant: runs that there are, runs of a preset that are trained, a naive learner, or a strategy."""

    name: str = ""
    run: _Runs = ()
    preset: str = ""
    learner: str = ""
    strategy: str = ""
    seeds: _Seeds = FIVE_SEEDS
    set: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_kind(self) -> EntrantConfig:
        kinds = [kind for kind in _KINDS if getattr(self, kind)]
        if len(kinds) != 1:
            which = f"{' and '.join(kinds)} given" if kinds else "none given"
            raise ValueError(f"{kinds[0] if kinds else 'name'}: {which}; an entrant has one of {', '.join(_KINDS)}")
        if self.set and kinds[0] in ("run", "strategy"):
            raise ValueError("set: it is for entrants with a preset or a learner")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: use each seed once")
        return self


class PlayConfig(Section):
    """How much is played: meta-episodes of each pair of seeds in each order, and their size (None: as trained).

    With a length of inner episodes runs may be of games of other lengths.
    """

    episodes: Annotated[int, Field(ge=1, le=100_000)] = 4
    seed: _Seed = 0
    batch_size: Size | None = None
    inner_episodes: Size | None = None
    inner_episode_length: Size | None = None


class ExploitabilityConfig(Section):
    """For how many meta-episodes best responses are trained."""

    meta_episodes: Annotated[int, Field(ge=1, le=1_000_000)]


class LeagueConfig(Section):
    """The tables of a league's file; ``preset`` has the game, and the network and the learning of learners."""

    preset: str = ""
    play: PlayConfig = PlayConfig()
    exploitability: ExploitabilityConfig | None = None
    entrants: Annotated[tuple[EntrantConfig, ...], Field(strict=False, min_length=1, max_length=100)]


class Definition(NamedTuple):
    """A league that is to be played; ``preset`` is empty where the first run's experiment has the game."""

    name: str
    preset: str
    play: PlayConfig
    budget: int
    """Meta-episodes for best responses; 0: there are none."""
    entrants: tuple[EntrantConfig, ...]

    def to_tables(self) -> dict[str, Any]:
        """As ``definition.json`` holds it: without the budget, as responses may be trained later."""
        length = self.play.inner_episode_length
        # Leagues that were begun without it stay what they are.
        idle = {"inner_episode_length"} if length is None else set()
        return {
            "preset": self.preset,
            "play": self.play.model_dump(exclude=idle),
            "entrants": [entrant.model_dump() for entrant in self.entrants],
        }


def define(request: LeagueRequest) -> Definition:
    """What a request asks for; raises :class:`UserError` with one line."""
    config, name = _config(request)
    play = {"episodes": request.episodes, "seed": request.seed}
    changed = config.play.model_copy(update={key: value for key, value in play.items() if value is not None})
    own = 0 if config.exploitability is None else config.exploitability.meta_episodes
    entrants = tuple(_named(entrant) for entrant in config.entrants)
    trained = any(entrant.run or entrant.preset for entrant in entrants)
    return Definition(
        name=name,
        preset=config.preset or ("" if trained else DEFAULT_PRESET),
        play=changed,
        budget=own if request.budget is None else request.budget,
        entrants=entrants,
    )


def check_names(names: Sequence[str]) -> None:
    """Raises :class:`UserError` where two entrants have one name, or there is one entrant alone."""
    for name in names:
        check_name(name)
        if names.count(name) > 1:
            raise UserError(f"{names.count(name)} entrants are called {name!r}; give them names in a league's file")
    if len(names) < 2:
        who = f"{names[0]!r} alone" if names else "nobody"
        raise UserError(
            f"a league of {who}: it takes two entrants at least; name further runs, learners such as a2c, or "
            "strategies such as tit-for-tat"
        )


def check_name(name: str) -> None:
    """Raises :class:`UserError` unless files and tables can hold the name."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"entrant {shortened(repr(name))}: a name is up to 64 letters, digits, '.', '_', '+', ':', '~' and '-'; "
            "give it another in a league's file, name = ..."
        )


def _config(request: LeagueRequest) -> tuple[LeagueConfig, str]:
    if request.definition is None:
        return LeagueConfig(entrants=tuple(_of_words(request.entrants))), request.folder.name
    shipped = shipped_leagues()
    file = find_file(request.definition, "league", shipped, f"there are {', '.join(each.name for each in shipped)}")
    tables: Mapping[str, Any] = read_preset(file)
    try:
        return LeagueConfig.model_validate(tables), file.name
    except ValidationError as error:
        raise UserError(f"league {file.name}: {one_line(error, tables, LeagueConfig.model_json_schema())}") from error


def _of_words(words: Sequence[str]) -> Iterator[EntrantConfig]:
    """Learners and strategies by name; what is left are runs, whose seeds of one setting are one entrant."""
    runs = [word for word in words if word not in algorithm_names() and not _is_strategy(word)]
    if runs:
        yield EntrantConfig(run=tuple(runs))
    for word in dict.fromkeys(words):
        if word in algorithm_names():
            yield EntrantConfig(learner=word)
        elif word not in runs:
            yield EntrantConfig(strategy=word)


def no_such_run(word: str) -> UserError:
    """What is said of a word that is nothing that plays."""
    known = [*algorithm_names(), *strategies.names(), *(league.name for league in shipped_leagues())]
    return UserError(
        f"{word}: there is no such run, pack or sweep, nor agent file{nearest(word, known)}; a league takes these, "
        f"learners ({', '.join(algorithm_names())}) and strategies ({strategies.names()[0]}, ...)"
    )


def _is_strategy(word: str) -> bool:
    if zoo.is_named(word):
        return False
    if strategies.is_strategy(word) or (":" in word and "/" not in word):
        return True
    return strategies.bare(word) in installed("coalactl.strategies")


def _named(entrant: EntrantConfig) -> EntrantConfig:
    """Learners and strategies are called what they are; runs get their names when they are read."""
    return entrant.model_copy(update={"name": entrant.name or entrant.learner or entrant.strategy})
