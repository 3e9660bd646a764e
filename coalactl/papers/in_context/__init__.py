"""Multi-agent cooperation through in-context co-player inference (2026): A2C and PPI in mixed pools."""

from coalactl.papers.paper import Paper

PAPER = Paper(
    name="in-context",
    title="Multi-agent cooperation through in-context co-player inference",
    source="arXiv:2602.16301",
    package=__name__,
    exhibits={
        "fig_1a": "PPI cooperates in a mixed pool",
        "fig_1b": "A2C cooperates in a mixed pool",
        "fig_2a": "PPI against random strategies",
        "fig_2b": "PPI's best responses within a game",
        "fig_2c": "PPI extorts an in-context learner",
        "fig_2d": "PPI's extortion within a game",
        "fig_2e": "two extorters cooperate, PPI",
        "fig_2f": "how two extorters begin, PPI",
        "fig_3a": "PPI's mixed pool within a game",
        "fig_3b": "A2C's mixed pool within a game",
        "fig_4a": "A2C against random strategies",
        "fig_4b": "A2C's best responses within a game",
        "fig_4c": "A2C extorts an in-context learner",
        "fig_4d": "A2C's extortion within a game",
        "fig_4e": "two extorters cooperate, A2C",
        "fig_4f": "how two extorters begin, A2C",
    },
    prefix="in-context-",
)
