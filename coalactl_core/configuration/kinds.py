"""Both kinds of experiment as one discriminated union: ``kind`` says which engine runs it. Imports no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag, TypeAdapter

from coalactl_core.configuration.analytical import AnalyticalExperiment
from coalactl_core.configuration.experiment import SequenceExperiment

Experiment = SequenceExperiment | AnalyticalExperiment

KINDS: dict[str, type[SequenceExperiment] | type[AnalyticalExperiment]] = {
    "sequence": SequenceExperiment,
    "analytical": AnalyticalExperiment,
}


def kind_of(tree: object) -> Any:
    """The kind that a tree of tables, or an experiment, says it is; "sequence" where it says nothing."""
    return tree.get("kind", "sequence") if isinstance(tree, Mapping) else getattr(tree, "kind", None)


EXPERIMENT: TypeAdapter[Experiment] = TypeAdapter(
    Annotated[
        Annotated[SequenceExperiment, Tag("sequence")] | Annotated[AnalyticalExperiment, Tag("analytical")],
        Discriminator(kind_of),
    ]
)
