"""The papers and their exhibits, in words: what lists, completion and the command line need; files are loaded later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from coalactl.papers import coala_pg, in_context
from coalactl.papers.paper import Paper

if TYPE_CHECKING:
    from coalactl.papers.contract import Exhibit, Results


PAPERS: dict[str, Paper] = {paper.name: paper for paper in (coala_pg.PAPER, in_context.PAPER)}


class ExhibitEntry(NamedTuple):
    """An exhibit, not loaded yet."""

    paper: str
    module: str
    name: str
    shows: str

    def load(self) -> Exhibit:
        """What its file holds."""
        exhibit: Exhibit = import_module(f"{PAPERS[self.paper].package}.{self.module}").EXHIBIT
        return exhibit._replace(paper=self.paper, name=self.name)


def entries() -> tuple[ExhibitEntry, ...]:
    """All exhibits, paper by paper; names of the first are bare, and a later paper's go with its own name."""
    return tuple(_entries())


def _entries() -> Iterator[ExhibitEntry]:
    for index, (name, paper) in enumerate(PAPERS.items()):
        for module, shows in paper.exhibits.items():
            short = short_name(module)
            yield ExhibitEntry(name, module, f"{name}/{short}" if index else short, shows)


def short_name(module: str) -> str:
    """``fig5a`` of ``fig_5a``, ``h3`` of ``app_h3``."""
    return module.removeprefix("app_").replace("_", "")


def names() -> tuple[str, ...]:
    """What users call the exhibits."""
    return tuple(entry.name for entry in entries())


def groups() -> dict[str, str]:
    """Several exhibits by one word, and what it stands for."""
    of_papers = {name: f"those of {paper.source}" for name, paper in PAPERS.items()}
    return {"analytical": "those of the exact game", **of_papers, "all": "every one"}


def named(wanted: Sequence[str]) -> tuple[Exhibit, ...]:
    """The exhibits of names, with or without the paper's, and of groups: each once, in the papers' order.

    Raises:
        KeyError: there is none of a name.
    """
    loaded = {entry: entry.load() for entry in entries()}
    meant = {exhibit.id for name in wanted for exhibit in _meant(name, loaded)}
    return tuple(exhibit for exhibit in loaded.values() if exhibit.id in meant)


def _meant(name: str, loaded: Mapping[ExhibitEntry, Exhibit]) -> list[Exhibit]:
    if name in groups():
        exact = name == "analytical"
        return [one for one in loaded.values() if name in ("all", one.paper) or (exact and one.trains.has_one_size)]
    exhibits = [exhibit for entry, exhibit in loaded.items() if is_named(entry, name)]
    if not exhibits:
        raise KeyError(name)
    return exhibits


def is_named(entry: ExhibitEntry, name: str) -> bool:
    """Whether a user may mean it by that name."""
    return name in (entry.name, f"{entry.paper}/{short_name(entry.module)}")


def results() -> tuple[Results, ...]:
    """What a report gets to know of the papers."""
    from coalactl.papers.contract import Results

    loaded = [entry.load() for entry in entries()]
    return tuple(
        Results(
            prefix=paper.prefix,
            exhibits=tuple(exhibit for exhibit in loaded if exhibit.paper == name),
            roles=import_module(f"{paper.package}.roles").ROLES,
            printed=import_module(f"{paper.package}.printed").PRINTED,
        )
        for name, paper in PAPERS.items()
    )
