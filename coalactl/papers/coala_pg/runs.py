"""The runs that several exhibits share: the settings of the dilemma and of CleanUp-lite, with their baselines.

Minutes of the iterated prisoner's dilemma at quick scale are by the pace of ten packed seeds on one core of an EPYC
while nothing else ran, two of which work side by side. Of naive learners in CleanUp-lite, on a Xeon, they are three
times those of one method, of its mixed pool by the pace while nothing else ran.
"""

from __future__ import annotations

from typing import Any

from coalactl.papers.trains import FRESH_SEEDS, QUICK_SEEDS, TrainingPart, Trains

METHODS = ("coala-pg", "m-fos", "batch-unaware")
# LOLA-DiCE in CleanUp-lite is a reference that no claim is about, and takes two to four times as long as the others.
_FEWER_SEEDS = FRESH_SEEDS[:3]
_CRITIC = "meta.batch_critic"


def exact(preset: str, minutes: float) -> TrainingPart:
    """One run that holds all its seeds, the preset's own."""
    return TrainingPart(f"analytical-{preset}", preset=f"analytical-{preset}", seeds=(0,), minutes=minutes)


def at_one_size(*parts: TrainingPart) -> Trains:
    """The exact game has one size."""
    return Trains(parts, parts)


def _lola(preset: str, **details: Any) -> TrainingPart:
    """LOLA-DiCE at its values in the preset: on the dilemma the paper swept nothing, for CleanUp it has Table 7."""
    return TrainingPart(f"{preset}-lola", preset=preset, methods=("lola-dice",), **details)


def _as_printed(preset: str, minutes: float) -> TrainingPart:
    """COALA-PG without the critic of the batch that the preset has for it."""
    # Below 1, λ_gae is for meta opponents alone; credit of App. A.3 against naive ones has no shaping signal then.
    settings = {_CRITIC: "none", "meta.gae_lambda": 1.0}
    return _variant(preset, "as-printed", "coala-pg", settings=settings, minutes=minutes)


def _m_fos_with_critic(preset: str, minutes: float) -> TrainingPart:
    """M-FOS with the critic of the batch that COALA-PG has: shown beside, no claim is about it."""
    return _variant(preset, "m-fos-critic", "m-fos", settings={_CRITIC: "play"}, minutes=minutes)


def _variant(preset: str, name: str, method: str, **details: Any) -> TrainingPart:
    """One method at other values than those of the preset."""
    return TrainingPart(f"{preset}-{name}", preset=preset, methods=(method,), seeds=QUICK_SEEDS, **details)


MIXED_QUICK = TrainingPart("ipd-mixed-quick", preset="ipd-mixed-quick", methods=METHODS, seeds=QUICK_SEEDS, minutes=46)
MIXED_PAPER = TrainingPart("ipd-mixed", sweep="ipd-mixed")

SHAPING = Trains(
    quick=(
        TrainingPart("ipd-shaping-quick", preset="ipd-shaping-quick", methods=METHODS, seeds=QUICK_SEEDS, minutes=9.2),
        _as_printed("ipd-shaping-quick", minutes=3.1),
        _m_fos_with_critic("ipd-shaping-quick", minutes=3.1),
        _lola("ipd-shaping-quick", minutes=4),
    ),
    paper=(TrainingPart("ipd-shaping", sweep="ipd-shaping"), _lola("ipd-shaping")),
)
MIXED = Trains(
    quick=(
        MIXED_QUICK,
        _as_printed("ipd-mixed-quick", minutes=15.4),
        _lola("ipd-mixed-quick", minutes=20),
        TrainingPart(
            "ipd-meta-only-quick",
            preset="ipd-mixed-quick",
            methods=("coala-pg",),
            seeds=QUICK_SEEDS,
            # Where nobody learns between inner episodes a critic of the batch has nothing to tell.
            settings={"population.p_naive": 0.0, _CRITIC: "none"},
            minutes=11,
        ),
    ),
    paper=(
        MIXED_PAPER,
        _lola("ipd-mixed"),
        TrainingPart("ipd-meta-only", preset="ipd-meta-only", methods=("coala-pg",)),
    ),
)

_PRETRAINING = TrainingPart(
    "cleanup-pretraining-quick",
    preset="cleanup-pretraining-quick",
    methods=("batch-unaware",),
    seeds=(0,),
    minutes=0.3,
)
# Table 7 prints what was selected for the paper's size; the ranges of Table 6 there would be months.
CLEANUP_SHAPING = Trains(
    quick=(
        TrainingPart(
            "cleanup-shaping-quick",
            preset="cleanup-shaping-quick",
            methods=METHODS,
            naive_from=_PRETRAINING,
            minutes=68,
        ),
        _lola("cleanup-shaping-quick", seeds=_FEWER_SEEDS, naive_from=_PRETRAINING, minutes=22),
    ),
    paper=(TrainingPart("cleanup-shaping", preset="cleanup-shaping", methods=METHODS), _lola("cleanup-shaping")),
)
CLEANUP_MIXED = Trains(
    quick=(
        TrainingPart("cleanup-mixed-quick", preset="cleanup-mixed-quick", methods=METHODS, minutes=38),
        _lola("cleanup-mixed-quick", seeds=_FEWER_SEEDS, minutes=26),
    ),
    paper=(TrainingPart("cleanup-mixed", preset="cleanup-mixed", methods=METHODS), _lola("cleanup-mixed")),
)
