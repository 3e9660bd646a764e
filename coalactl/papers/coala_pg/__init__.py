"""Multi-agent cooperation through learning-aware policy gradients (ICLR 2025), which introduces COALA-PG."""

from coalactl.papers.paper import Paper

PAPER = Paper(
    name="coala-pg",
    title="Multi-agent cooperation through learning-aware policy gradients",
    source="arXiv:2410.18636",
    package=__name__,
    exhibits={
        "fig_3a": "shaping beats naive learners",
        "fig_3b": "two extortioners meet",
        "fig_3c": "pools with and without naive learners",
        "fig_4a": "LOLA-DiCE, few and many look-aheads",
        "fig_4b": "LOLA-DiCE extorts naive learners",
        "fig_4c": "LOLA-DiCE with naive learners",
        "fig_5a": "extortion of naive learners",
        "fig_5b": "behaviour within a meta-episode",
        "fig_5c": "cooperation in a mixed pool",
        "fig_6": "shaping in CleanUp-lite",
        "fig_7": "a mixed pool in CleanUp-lite",
        "fig_8": "extortion policies",
        "fig_9": "a pair escapes defection",
        "fig_10": "a pair leaves tit-for-tat",
        "fig_12": "balance of future and current parts of gradients",
        "fig_13": "further measures of Fig. 6",
        "fig_14": "further measures of Fig. 7",
        "app_h3": "COALA-PG and M-FOS in one pool",
    },
    prefix="",
)
