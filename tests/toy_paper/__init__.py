"""A second paper, which has a Fig. 4A of its own."""

from coalactl.papers.paper import Paper

PAPER = Paper(
    name="toy",
    title="A toy",
    source="unpublished",
    package=__name__,
    exhibits={"fig_4a": "agents earn something", "fig_99": "nothing yet"},
    prefix="toy-",
)
