"""Trained agents in the Axelrod library's tournament: everybody against everybody, and who comes where.

    python benchmarks/axelrod_tournament.py NAME=RUN ... --out DIR [--turns 200] [--repetitions 10] [--part K/N]

RUN is a run or an agent file, RUN@K its agent K. Each enters twice: NAME, to whom a match is one inner episode, and
NAME/T, whose inner episodes have T steps as in training. Against them play the strategies of ``coalactl eval --pool
axelrod``, which are told the match's length, noise and game as the library does. The payoffs are those that the agents
were trained on; strategies whose own code refuses these are left out and named. A score is the mean a turn over all
opponents but oneself, one for each repetition; ranks go by the mean over repetitions, and intervals are 95% t-intervals
over them.

Written are ``ranking.csv``, ``ranking.png`` and ``ranking.svg``, and ``about.json`` with versions and seconds. Matches
of the library's strategies among themselves are kept below ``--library`` (DIR/library), a file for each strategy: the
same command goes on after a stop, other agents take them as they are, and ``--part K/N`` plays one of N parts of them
and nothing else, so that N processes share them. Needs the extra ``axelrod``.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import axelrod
import jax
import numpy as np
import pandas as pd
from axelrod_ranking import draw, ranked

from coalactl import load
from coalactl.axelrod_players import player_of
from coalactl.environment import prepare_jax
from coalactl_core.opponents.axelrod_library import Match, kind_of, tournament_names
from coalactl_core.opponents.from_axelrod import asked_from_axelrod
from coalactl_core.play.agents import Agent
from coalactl_core.play.asked_games import Sizes, play_asked


class Rules(NamedTuple):
    """What all matches have in common; ``payoffs``: own payoff by own action (row) and the other's (column)."""

    turns: int
    repetitions: int
    seed: int
    payoffs: tuple[tuple[float, float], tuple[float, float]]

    @property
    def game(self) -> Any:
        """As the library has it."""
        (r, s), (t, p) = self.payoffs
        return axelrod.Game(r=r, s=s, t=t, p=p)

    @property
    def attributes(self) -> dict[str, Any]:
        """What the library tells players of a match."""
        return {"length": self.turns, "game": self.game, "noise": 0}

    def seed_of(self, *names: str) -> int:
        """Of the matches of these players, whoever else plays."""
        return int(
            np.random.SeedSequence([self.seed, *(zlib.crc32(name.encode()) for name in names)]).generate_state(1)[0]
        )


@dataclass(frozen=True)
class Entry:
    """An agent that takes part; ``episode``: after how many turns another inner episode begins, 0: never."""

    name: str
    agent: Agent
    episode: int

    def sizes(self, turns: int) -> Sizes:
        """A match as inner episodes."""
        return Sizes(1, turns // self.episode if self.episode else 1, self.episode or turns)


class Results(NamedTuple):
    """Of each player against each other one in each repetition, means over turns; NaN where nobody played."""

    score: np.ndarray
    cooperation: np.ndarray

    @staticmethod
    def empty(players: int, repetitions: int) -> Results:
        """Nobody has played."""
        return Results(*(np.full((players, players, repetitions), np.nan) for _ in Results._fields))

    def put(self, first: int, second: int, scores: np.ndarray, cooperation: np.ndarray) -> None:
        """Both players' means, of shape (repetitions, 2)."""
        for table, values in zip(self, (scores, cooperation), strict=True):
            table[first, second], table[second, first] = values[:, 0], values[:, 1]


def playing(names: Sequence[str], rules: Rules) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those whose own code takes the match's payoffs, and those whose does not, as some zero-determinant ones."""
    taking = []
    for name in names:
        with suppress(ValueError):
            Match(kind_of(name), 0, rules.attributes)
            taking.append(name)
    return tuple(taking), tuple(name for name in names if name not in taking)


def library_row(name: str, others: Sequence[str], rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """Scores and cooperation of a strategy's matches with others, (others, repetitions, 2); certain ones once."""
    scores, cooperation = (np.empty((len(others), rules.repetitions, 2)) for _ in range(2))
    for place, other in enumerate(others):
        players = [kind_of(each)() for each in (name, other)]
        chance = any(axelrod.Classifiers["stochastic"](player) for player in players)
        for repetition in range(rules.repetitions if chance else 1):
            seed = rules.seed_of(name, other, str(repetition))
            match = axelrod.Match(players, turns=rules.turns, game=rules.game, seed=seed)
            moves = np.asarray([[action.value for action in pair] for pair in match.play()])
            payoffs = np.asarray(rules.payoffs)
            cooperation[place, repetition] = 1 - moves.mean(0)
            scores[place, repetition] = (
                payoffs[moves[:, 0], moves[:, 1]].mean(),
                payoffs[moves[:, 1], moves[:, 0]].mean(),
            )
        if not chance:
            scores[place], cooperation[place] = scores[place, 0], cooperation[place, 0]
    return scores, cooperation


def kept_row(folder: Path, name: str, others: Sequence[str], rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """The same, from the file of an earlier call where it is of these others and rules."""
    path, asked = folder / f"{name}.npz", json.dumps([list(others), rules, axelrod.__version__])
    if path.exists():
        with np.load(path) as kept:
            if str(kept["asked"]) == asked:
                return kept["scores"], kept["cooperation"]
    scores, cooperation = library_row(name, others, rules)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{name}.npz"
    np.savez(unfinished, scores=scores, cooperation=cooperation, asked=asked)
    unfinished.replace(path)
    return scores, cooperation


def against_library(entry: Entry, names: Sequence[str], rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """Scores and cooperation of an agent's matches, (names, repetitions, 2): all of them at once."""
    met = [asked_from_axelrod(name, rules.attributes)._replace(carried=True) for name in names]
    met = [strategy for strategy in met for _ in range(rules.repetitions)]
    key = jax.random.key(rules.seed_of(entry.name))
    outcomes = play_asked(key, entry.agent, met, entry.sizes(rules.turns)).outcomes
    shape = len(names), rules.repetitions, 2
    return tuple(outcomes[measure].mean(1).reshape(shape) for measure in ("reward", "defection"))


def between(pair: tuple[Entry, Entry], rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """Scores and cooperation of two agents' matches, (repetitions, 2): all repetitions at once."""
    shape = rules.repetitions, 1  # The last axis is the batch that a memory may be shared with: each match is alone.
    memories = [entry.agent.start(shape) for entry in pair]
    last, played = None, []
    key = jax.random.key(rules.seed_of(*(entry.name for entry in pair)))
    for turn in range(rules.turns):
        actions = []
        for seat, entry in enumerate(pair):
            own_key = jax.random.fold_in(jax.random.fold_in(key, turn), seat)
            seen, memory = _seen(entry, turn, None if last is None else last[:: 1 - 2 * seat], memories[seat], shape)
            action, memories[seat] = entry.agent.act(own_key, seen, memory)
            actions.append(np.asarray(action))
        last = actions
        played.append(np.concatenate(actions, 1))
    moves, payoffs = np.stack(played), np.asarray(rules.payoffs)
    scores = np.stack([payoffs[moves[..., own], moves[..., 1 - own]].mean(0) for own in range(2)], 1)
    return scores, 1 - moves.mean(0)


def _seen(entry: Entry, turn: int, last: Any, memory: Any, shape: tuple[int, int]) -> tuple[Any, Any]:
    """What an agent observes, and what it remembers from before, as :class:`TrainedPlayer` has it."""
    game = entry.agent.game
    if turn == 0:
        return np.full(shape, game.start()), memory
    if entry.episode and turn % entry.episode == 0:
        return game.start(last), entry.agent.next_episode(memory)
    return game.after(*last), memory


def play(
    entries: Sequence[Entry], names: Sequence[str], folder: Path, rules: Rules
) -> tuple[Results, dict[str, float]]:
    """Everybody against everybody, agents first, and the seconds that each part took."""
    results, began = Results.empty(len(entries) + len(names), rules.repetitions), time.monotonic()
    seconds: dict[str, float] = {}

    def told(what: str) -> None:
        seconds[what] = round(time.monotonic() - began - sum(seconds.values()), 1)
        print(f"{what}: {seconds[what]:.0f} seconds", flush=True)

    for place, name in enumerate(names[:-1]):
        row = kept_row(folder, name, names[place + 1 :], rules)
        for other, values in enumerate(zip(*row, strict=True), place + 1):
            results.put(len(entries) + place, len(entries) + other, *values)
    told("strategies among themselves")
    for place, entry in enumerate(entries):
        for other, values in enumerate(zip(*against_library(entry, names, rules), strict=True)):
            results.put(place, len(entries) + other, values[0], 1 - values[1])
    told("agents against strategies")
    for first, second in ((i, j) for j in range(len(entries)) for i in range(j)):
        results.put(first, second, *between((entries[first], entries[second]), rules))
    told("agents among themselves")
    return results, seconds


def entered(words: Sequence[str], turns: int) -> list[Entry]:
    """The agents of the command line, each twice; raises ValueError where one cannot play."""
    entries = []
    for word in words:
        name, _, source = word.rpartition("=")
        path, _, number = source.partition("@")
        agent = load(path, agent=int(number or 0))
        length = agent.game.episode_length
        name = name or Path(path).stem
        player_of(agent)  # Only agents that can be its players take part.
        if turns % length:
            raise ValueError(f"{word}: matches of {turns} turns are no inner episodes of {length}")
        entries += [Entry(name, agent, 0), Entry(f"{name}/{length}", agent, length)]
    if len({entry.name for entry in entries}) < len(entries):
        raise ValueError("two agents have one name; give them others, NAME=RUN")
    if any(entry.agent.game.environment.payoffs_second is not None for entry in entries):
        raise ValueError("the agents' game pays its players by two tables; a tournament has one")
    if len({entry.agent.game.environment.payoffs for entry in entries}) > 1:
        raise ValueError("the agents were trained on several games' payoffs; a tournament has one")
    return entries


def main() -> None:
    """Plays and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--library", type=Path, help="where matches of the library's strategies are kept")
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strategies", type=int, help="so many of them, evenly from the list; default all")
    parser.add_argument("--part", help="K/N: only the K-th of N parts of the library's own matches, from 1 on")
    options = parser.parse_args()
    prepare_jax()
    try:
        entries = entered(options.agents, options.turns)
    except ValueError as error:
        parser.error(str(error))
    names = tournament_names()
    if options.strategies:
        names = tuple(names[place] for place in np.linspace(0, len(names) - 1, options.strategies).round().astype(int))
    rules = Rules(options.turns, options.repetitions, options.seed, entries[0].agent.game.environment.payoffs)
    folder = options.library or options.out / "library"
    names, refusing = playing(names, rules)
    if refusing:
        print(f"left out, since their own code refuses these payoffs: {', '.join(refusing)}", flush=True)
    if options.part:
        part, parts = map(int, options.part.split("/"))
        for place in range(part - 1, len(names) - 1, parts):
            kept_row(folder, names[place], names[place + 1 :], rules)
        return
    results, seconds = play(entries, names, folder, rules)
    own = [entry.name for entry in entries]
    table = ranked(results.score, results.cooperation, [*own, *names], len(own))
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "ranking.csv", index=False, float_format="%.5f")
    draw(table, options.out)
    about = {"agents": options.agents, "rules": rules._asdict(), "strategies": len(names), "seconds": seconds}
    about |= {"left_out": refusing, "versions": {"axelrod": axelrod.__version__, "jax": jax.__version__}}
    (options.out / "about.json").write_text(json.dumps(about, indent=1) + "\n")
    with pd.option_context("display.width", 120, "display.max_rows", 400):
        print(table[table["rank"].le(10) | table["kind"].eq("agent")].to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
