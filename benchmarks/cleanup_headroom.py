"""What there is to gain by shaping in CleanUp-lite, without any training of the shaper.

    python benchmarks/cleanup_headroom.py --rows 3 --columns 3 --length 32 --episodes 20 --rate 0.005
    python benchmarks/cleanup_headroom.py --naive-from runs/pre --learners 256 --out headroom.csv

Behaviours of a known family (``cleanup_behaviours.py``) each play whole meta-episodes against the naive learners of a
setting. The *myopic* one earns most in the first inner episode, before anybody has learnt; the *shaper* earns most in
the last quarter of a meta-episode. What the shaper earns there, as a multiple of what the myopic one does there, is the
headroom of the family: any learner may find more. Each is chosen on one half of the meta-episodes and told from the
other.
Settings whose naive learners hardly change between the first and the last inner episode leave nothing to shape.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from cleanup_behaviours import BEHAVIOURS, behaviour_policy

from coalactl.configuration import resolve
from coalactl.engines import sequence_engine_for
from coalactl.environment import prepare_jax
from coalactl.presets import find_preset, read_preset
from coalactl.training.initial import fresh_state
from coalactl_core.numbers.hyperparameters import numbers_at
from coalactl_core.play.evaluation import Lineup, evaluate
from coalactl_core.play.rollout import Seat
from coalactl_core.types import NAIVE

_CHUNK = 16
_KEPT = ("reward", "coplayer_reward", "coplayer_cleaning", "cleaning")


def experiment_of(arguments: argparse.Namespace) -> Any:
    """The shaping setting of the preset at the sizes that are asked for."""
    values = {
        "environment.rows": arguments.rows,
        "environment.columns": arguments.columns,
        "environment.p_pollution": arguments.p_pollution,
        "environment.pollution_threshold": arguments.threshold,
        "environment.initial_dirt": min(3, arguments.rows),
        "rollout.inner_episode_length": arguments.length,
        "rollout.inner_episodes": arguments.episodes,
        "rollout.batch_size": arguments.batch,
        "rollout.meta_batch_size": _CHUNK,
        "naive.learning_rate": arguments.rate,
        "population.naive": 10 if arguments.naive_from else 64,
        "population.naive_from": arguments.naive_from,
        "run.seed": arguments.seed,
    }
    overrides = {key: (value, key) for key, value in values.items()}
    return resolve(read_preset(find_preset("cleanup-shaping-quick")), "headroom", overrides).experiment


def measured(experiment: Any, learners: int) -> Iterator[pd.DataFrame]:
    """Of each behaviour its rewards and the learners' cleaning, by meta-episode and inner episode."""
    engine = sequence_engine_for(experiment)
    state = fresh_state(engine, [experiment])
    own = engine.rollout_of(0)
    policy = behaviour_policy(own.environment)
    rollout = own._replace(
        policy=policy, observe=own.environment.observe, coplayer=Seat(own.observe, own.policy), meets_agents=False
    )
    bank = jax.tree.map(lambda leaf: leaf[0], state.naive.params)
    chunks = learners // _CHUNK
    member = jnp.arange(learners).reshape(chunks, _CHUNK) % bank.shape[0]
    lineup = Lineup(jnp.full_like(member, NAIVE), member, None)
    hyper = numbers_at(experiment, 0).naive
    for name, params in BEHAVIOURS.items():
        # The same chance for all, so that behaviours differ by what they do.
        played = evaluate(jax.random.key(7), params, bank, lineup, hyper, rollout=rollout, by_step=False)
        yield _rows(name, played.outcomes)


def _rows(name: str, outcomes: dict[str, jax.Array]) -> pd.DataFrame:
    columns = {}
    for kept in _KEPT:
        values = np.asarray(outcomes[kept.removeprefix("coplayer_")])[..., int(kept.startswith("coplayer_"))]
        columns[kept] = values.ravel()
    meta_episodes, inner_episodes = values.shape
    places = np.indices((meta_episodes, inner_episodes)).reshape(2, -1)
    return pd.DataFrame({"behaviour": name, "meta_episode": places[0], "inner_episode": places[1], **columns})


def summary(rows: pd.DataFrame) -> dict[str, Any]:
    """Who is myopic, who shapes, and what each earns: chosen on even meta-episodes, told from odd ones."""
    count = rows["inner_episode"].max() + 1
    place = pd.cut(rows["inner_episode"], [-1, 0, 0.75 * count - 0.5, count], labels=["first", "between", "late"])
    rows = rows.assign(place=place.astype(str))
    chosen, told = (rows[rows["meta_episode"] % 2 == half] for half in (0, 1))
    myopic, shaper = (
        chosen[chosen["place"] == where].groupby("behaviour")["reward"].mean().idxmax() for where in ("first", "late")
    )
    whole = chosen.groupby("behaviour")["reward"].mean().idxmax()
    late = told[told["place"] == "late"]
    found: dict[str, Any] = {"myopic": myopic, "shaper": shaper, "best_overall": whole}
    for words, behaviour in (("myopic", myopic), ("shaper", shaper), ("overall", whole)):
        of_it = told[told["behaviour"] == behaviour]
        means = of_it.groupby("place")[list(_KEPT)].mean()
        found[f"{words}_late"] = means["reward"]["late"]
        found[f"{words}_all"] = of_it["reward"].mean()
        # Learners' own rewards and cleaning before they have learnt anything, and at the end.
        for column in ("coplayer_reward", "coplayer_cleaning"):
            found |= {f"{words}_{column}_{where}": means[column][where] for where in ("first", "late")}
    gains = late.groupby(["meta_episode", "behaviour"])["reward"].mean().unstack()
    gain = gains[shaper] - gains[myopic]
    found["gain_late"], found["gain_error"] = gain.mean(), gain.std() / len(gain) ** 0.5
    found["headroom_late"] = found["shaper_late"] / found["myopic_late"]
    found["headroom_all"] = found["overall_all"] / found["myopic_all"]
    return found


def main() -> None:
    """Prints the summary of a setting; with --out all means by behaviour and inner episode, too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("rows", 3), ("columns", 3), ("length", 32), ("episodes", 20), ("batch", 16), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, number in (("rate", 0.005), ("p-pollution", 0.35), ("threshold", 3.0)):
        parser.add_argument(f"--{name}", type=float, default=number)
    parser.add_argument("--learners", type=int, default=64, help=f"meta-episodes a behaviour, a multiple of {_CHUNK}")
    parser.add_argument("--naive-from", default="", help="a run whose meta agents the naive learners begin as")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    prepare_jax()
    rows = pd.concat(list(measured(experiment_of(arguments), arguments.learners)))
    print(f"# {vars(arguments)}")
    for key, value in summary(rows).items():
        print(f"{key:32} {value:.4f}" if isinstance(value, float) else f"{key:32} {value}")
    if arguments.out:
        rows.groupby(["behaviour", "inner_episode"])[list(_KEPT)].mean().to_csv(arguments.out)


if __name__ == "__main__":
    main()
