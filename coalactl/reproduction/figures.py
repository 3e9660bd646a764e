"""Which runs each of the paper's figures needs, and what they take: the table behind ``coalactl reproduce``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class Scale(StrEnum):
    """How large the runs are: minutes on a laptop, or as in the paper."""

    QUICK = "quick"
    PAPER = "paper"


_METHODS = ("coala-pg", "m-fos", "batch-unaware")
# Those of App. B.4's final runs in the shipped sweeps; no setting was looked for on them.
_FRESH_SEEDS = (100, 101, 102, 103, 104)
# What takes minutes has ten seeds; LOLA-DiCE, which varies little between them, and CleanUp-lite keep five.
_QUICK_SEEDS = tuple(range(100, 110))
# LOLA-DiCE in CleanUp-lite is a reference that no claim is about, and takes two to four times as long as the others.
_FEWER_SEEDS = _FRESH_SEEDS[:3]
# The criteria of Fig. 12 were last changed after runs with seeds 100 to 102.
_BALANCE_SEEDS = tuple(range(200, 210))
_CRITIC = "meta.batch_critic"


class Part(NamedTuple):
    """Runs that belong together: a shipped sweep as it is, or one preset with several methods and seeds."""

    name: str
    sweep: str = ""
    """A shipped sweep; empty where a preset is trained without a choice among values."""
    preset: str = ""
    methods: tuple[str, ...] = ()
    seeds: tuple[int, ...] = _FRESH_SEEDS
    settings: Mapping[str, Any] = {}
    naive_from: str = ""
    """A part of one run that is trained first: its meta agents are the naive agents of these runs."""
    minutes: float | None = None
    """On two cores that do nothing else; None where nothing was measured.

    Those of the iterated prisoner's dilemma at quick scale are of five seeds, with no critic of the batch.
    Of Fig. 6 three times that of one method, of Fig. 7 by the pace while nothing else ran. LOLA-DiCE in Fig. 6 and a
    part of Fig. 12, B = 32, had other work beside them.
    """


class Figure(NamedTuple):
    """A figure of the paper, or a section that has numbers and no figure."""

    name: str
    number: str
    """As the report's claims have it."""
    shows: str
    quick: tuple[str, ...]
    paper: tuple[str, ...]
    pool: str = ""
    """Against whom the trained agents are evaluated; empty where the figure is of training alone."""

    def parts(self, scale: Scale) -> tuple[Part, ...]:
        """The parts that it is made of."""
        return tuple(PARTS[name] for name in (self.quick if scale is Scale.QUICK else self.paper))


def _analytical(preset: str, minutes: float) -> Part:
    """One run that holds all its seeds, the preset's own."""
    return Part(f"analytical-{preset}", preset=f"analytical-{preset}", seeds=(0,), minutes=minutes)


def _balance(preset: str, batch: int, seeds: tuple[int, ...] = _FRESH_SEEDS, minutes: float | None = None) -> Part:
    """Fig. 12 at another number of inner episodes that a naive learner learns from."""
    name, settings = f"{preset}-{batch}", {"rollout.batch_size": batch}
    return Part(name, preset=preset, seeds=seeds, settings=settings, minutes=minutes)


def _lola(preset: str, **details: Any) -> Part:
    """LOLA-DiCE at its values in the preset: on the dilemma the paper swept nothing, for CleanUp it has Table 7."""
    return Part(f"{preset}-lola", preset=preset, methods=("lola-dice",), **details)


def _as_printed(preset: str, **details: Any) -> Part:
    """COALA-PG without the critic of the batch that the preset has for it."""
    # Below 1, λ_gae is for meta opponents alone; credit of App. A.3 against naive ones has no shaping signal then.
    settings = {_CRITIC: "none", "meta.gae_lambda": 1.0}
    return Part(f"{preset}-as-printed", preset=preset, methods=("coala-pg",), settings=settings, **details)


def _m_fos_with_critic(preset: str, **details: Any) -> Part:
    """M-FOS with the critic of the batch that COALA-PG has: shown beside, no claim is about it."""
    return Part(f"{preset}-m-fos-critic", preset=preset, methods=("m-fos",), settings={_CRITIC: "play"}, **details)


# Inner episodes that a naive learner learns from, and the minutes that it takes at quick scale.
_BATCHES = {16: 4.0, 8: 2.4, 32: 10.0}
_LOOK_AHEADS = ("1", "2", "3", "10", "20")

PARTS = {
    part.name: part
    for part in (
        Part("ipd-shaping-quick", preset="ipd-shaping-quick", methods=_METHODS, seeds=_QUICK_SEEDS, minutes=2.6),
        _as_printed("ipd-shaping-quick", seeds=_QUICK_SEEDS),
        _m_fos_with_critic("ipd-shaping-quick", seeds=_QUICK_SEEDS),
        Part("ipd-mixed-quick", preset="ipd-mixed-quick", methods=_METHODS, seeds=_QUICK_SEEDS, minutes=38.5),
        _as_printed("ipd-mixed-quick", seeds=_QUICK_SEEDS),
        Part(
            "ipd-meta-only-quick",
            preset="ipd-mixed-quick",
            methods=("coala-pg",),
            seeds=_QUICK_SEEDS,
            # Where nobody learns between inner episodes a critic of the batch has nothing to tell.
            settings={"population.p_naive": 0.0, _CRITIC: "none"},
            minutes=10,
        ),
        Part("ipd-coala-vs-mfos-quick", preset="ipd-coala-vs-mfos-quick", seeds=_QUICK_SEEDS, minutes=7.2),
        _lola("ipd-shaping-quick"),
        _lola("ipd-mixed-quick"),
        _lola("cleanup-shaping-quick", seeds=_FEWER_SEEDS, naive_from="cleanup-pretraining-quick", minutes=22),
        _lola("cleanup-mixed-quick", seeds=_FEWER_SEEDS, minutes=26),
        *(_lola(preset) for preset in ("ipd-shaping", "ipd-mixed", "cleanup-shaping", "cleanup-mixed")),
        Part("ipd-shaping", sweep="ipd-shaping"),
        Part("ipd-mixed", sweep="ipd-mixed"),
        Part("ipd-meta-only", preset="ipd-meta-only", methods=("coala-pg",)),
        Part("ipd-coala-vs-mfos", preset="ipd-coala-vs-mfos"),
        *(
            _balance("ipd-gradient-balance-quick", batch, seeds=_BALANCE_SEEDS, minutes=minutes)
            for batch, minutes in _BATCHES.items()
        ),
        *(_balance("ipd-gradient-balance", batch) for batch in _BATCHES),
        Part(
            "cleanup-pretraining-quick",
            preset="cleanup-pretraining-quick",
            methods=("batch-unaware",),
            seeds=(0,),
            minutes=0.3,
        ),
        Part(
            "cleanup-shaping-quick",
            preset="cleanup-shaping-quick",
            methods=_METHODS,
            naive_from="cleanup-pretraining-quick",
            minutes=68,
        ),
        Part("cleanup-mixed-quick", preset="cleanup-mixed-quick", methods=_METHODS, minutes=38),
        # Table 7 prints what was selected; the ranges of Table 6 at this size would be months.
        Part("cleanup-shaping", preset="cleanup-shaping", methods=_METHODS),
        Part("cleanup-mixed", preset="cleanup-mixed", methods=_METHODS),
        _analytical("extortion", 0.1),
        _analytical("extortion-from-defection", 0.1),
        _analytical("extortioners-meet", 0.2),
        _analytical("mixed", 0.2),
        _analytical("meta-only", 0.1),
        _analytical("from-defection", 0.1),
        _analytical("from-tit-for-tat", 0.1),
        _analytical("lola-extorts", 0.2),
        *(_analytical(f"lola-{count}", 0.1) for count in _LOOK_AHEADS),
        *(_analytical(f"lola-mixed-{count}", 0.1) for count in _LOOK_AHEADS),
    )
}


def _exact(name: str, number: str, shows: str, *presets: str) -> Figure:
    """The exact game has one size."""
    parts = tuple(f"analytical-{preset}" for preset in presets)
    return Figure(name, number, shows, parts, parts)


def _with_lola(*settings: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The parts of settings and those of LOLA-DiCE there, quick and as in the paper."""
    quick, paper = (
        tuple(f"{setting}{scale}{method}" for setting in settings for method in ("", "-lola"))
        for scale in ("-quick", "")
    )
    return quick, paper


_SHAPING = (
    ("ipd-shaping-quick", "ipd-shaping-quick-as-printed", "ipd-shaping-quick-m-fos-critic", "ipd-shaping-quick-lola"),
    ("ipd-shaping", "ipd-shaping-lola"),
)
_MIXED = (
    ("ipd-mixed-quick", "ipd-mixed-quick-as-printed", "ipd-mixed-quick-lola", "ipd-meta-only-quick"),
    ("ipd-mixed", "ipd-mixed-lola", "ipd-meta-only"),
)
_BOTH_METHODS = (("ipd-coala-vs-mfos-quick", "ipd-mixed-quick"), ("ipd-coala-vs-mfos", "ipd-mixed"))
_BALANCE = (
    tuple(f"ipd-gradient-balance-quick-{batch}" for batch in _BATCHES),
    tuple(f"ipd-gradient-balance-{batch}" for batch in _BATCHES),
)
_CLEANUP_SHAPING = _with_lola("cleanup-shaping")
_CLEANUP_MIXED = _with_lola("cleanup-mixed")
_CLEANUP_BOTH = _with_lola("cleanup-mixed", "cleanup-shaping")

FIGURES = {
    figure.name: figure
    for figure in (
        _exact("fig3a", "3A", "shaping beats naive learners", "extortion", "extortion-from-defection"),
        _exact("fig3b", "3B", "two extortioners meet", "extortioners-meet"),
        _exact("fig3c", "3C", "pools with and without naive learners", "mixed", "meta-only"),
        _exact("fig4a", "4A", "LOLA-DiCE, few and many look-aheads", *(f"lola-{count}" for count in _LOOK_AHEADS)),
        _exact("fig4b", "4B", "LOLA-DiCE extorts naive learners", "lola-extorts"),
        _exact(
            "fig4c",
            "4C",
            "LOLA-DiCE with naive learners",
            *(f"lola-mixed-{count}" for count in _LOOK_AHEADS),
            *("lola-10", "lola-20"),
        ),
        Figure("fig5a", "5A", "extortion of naive learners", *_SHAPING),
        Figure("fig5b", "5B", "behaviour within a meta-episode", *_SHAPING, pool="naive"),
        Figure("fig5c", "5C", "cooperation in a mixed pool", *_MIXED),
        Figure("fig6", "6", "shaping in CleanUp-lite", *_CLEANUP_SHAPING),
        Figure("fig7", "7", "a mixed pool in CleanUp-lite", *_CLEANUP_MIXED),
        _exact("fig8", "8", "extortion policies", "extortion"),
        _exact("fig9", "9", "a pair escapes defection", "from-defection"),
        _exact("fig10", "10", "a pair leaves tit-for-tat", "from-tit-for-tat"),
        Figure("fig12", "12", "balance of future and current parts of gradients", *_BALANCE),
        Figure("fig13", "13", "further measures of Fig. 6", *_CLEANUP_SHAPING),
        Figure("fig14", "14", "further measures of Fig. 7", *_CLEANUP_BOTH),
        Figure("h3", "H.3", "COALA-PG and M-FOS in one pool", *_BOTH_METHODS),
    )
}
GROUPS = {
    "analytical": tuple(name for name, figure in FIGURES.items() if figure.quick[0].startswith("analytical")),
    "all": tuple(FIGURES),
}


def named(names: Sequence[str]) -> tuple[Figure, ...]:
    """The figures of names and of groups, each once, in the paper's order."""
    wanted = {figure for name in names for figure in GROUPS.get(name, (name,))}
    return tuple(figure for name, figure in FIGURES.items() if name in wanted)


def parts_of(figures: Sequence[Figure], scale: Scale) -> tuple[Part, ...]:
    """What they are made of, each part once and after the one that its naive agents come from."""
    own = [part for figure in figures for part in figure.parts(scale)]
    return tuple({each.name: each for part in own for each in (*_before(part), part)}.values())


def _before(part: Part) -> tuple[Part, ...]:
    return (PARTS[part.naive_from],) if part.naive_from else ()
