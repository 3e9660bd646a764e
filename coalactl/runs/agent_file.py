"""An agent file: all agents of one training at one step, in one file to hand on.

It is a safetensors file. Its tensors are the parameters by name, float32: ``agents/NAME`` lead with the meta agents,
``naive/NAME`` with the naive initialisations that they met, where configuration and seed do not draw these. Its
metadata, text as all metadata of safetensors, hold the rest: ``config.toml`` as it is, a card for people, and as JSON
what made the training and what was measured. A SHA-256 over all of it stands among them, and nothing is believed
before it was compared. Nothing is pickled. ``zoo:GAME/NAME`` is the path of a file that comes with the package.

No JAX here; NumPy and safetensors are loaded when a file is read or written.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import coalactl
from coalactl import zoo
from coalactl.errors import ExitCode, UserError
from coalactl.runs.files import reason, replacing, write_failures

if TYPE_CHECKING:
    import numpy as np

FORMAT = "coalactl-agents 1"
"""What is in the metadata ``format``; the number is that of the layout and of how the digest is made."""
SUFFIX = zoo.SUFFIX
"""How the names of these files end, and by what commands know them."""

AGENTS, NAIVE = "agents", "naive"
_GROUPS = (AGENTS, NAIVE)
_TYPE = "F32"
_DIGEST = "sha256"
_TEXTS = ("config.toml", "card", "coalactl")
_TABLES = ("provenance", "measures")

Tensors = Mapping[str, "np.ndarray"]


class Contents(NamedTuple):
    """What is in a file; tensors by their full names, ``provenance`` and ``measures`` as plain data."""

    step: int
    config: str
    card: str
    provenance: Mapping[str, Any]
    measures: Mapping[str, Any]
    tensors: Tensors
    drawn: Sequence[float] = ()
    """Of each naive initialisation that is drawn again a number that tells it from others; else they are stored."""
    version: str = coalactl.__version__
    """Of coalactl, which wrote it."""

    def group(self, group: str) -> dict[str, np.ndarray]:
        """Its tensors of a group, by the names that parameters have in the network."""
        return {name.partition("/")[2]: array for name, array in self.tensors.items() if name.startswith(f"{group}/")}

    def count(self, group: str) -> int:
        """How many agents of a group there are."""
        stored = self.group(group)
        return next(iter(stored.values())).shape[0] if stored else len(self.drawn)


class AgentFile(NamedTuple):
    """A file that was read and is whole; ``path`` is as it was called."""

    path: Path
    sha256: str
    contents: Contents

    @property
    def config_file(self) -> str:
        """What messages call its configuration."""
        return f"{self.path} (its config.toml)"

    def read_config(self) -> dict[str, Any]:
        """The complete, resolved configuration of the training as plain data; raises :class:`UserError`."""
        try:
            return tomllib.loads(self.contents.config)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{self.config_file} cannot be read: {reason(error)}", ExitCode.DAMAGED) from error


def named_as_one(path: Path) -> bool:
    """Whether the path is called as agent files, or those of the zoo, are."""
    return path.suffix == SUFFIX or zoo.is_named(path)


def place_of(path: Path) -> Path:
    """Where the file lies; raises :class:`UserError` where the zoo has none of that name."""
    return zoo.file_of(path) if zoo.is_named(path) else path


def write(path: Path, contents: Contents) -> str:
    """Write a file in one step, over whatever is there; its SHA-256. Raises :class:`UserError` when that fails."""
    from safetensors.numpy import save

    metadata = {
        "format": FORMAT,
        "step": str(contents.step),
        "config.toml": contents.config,
        "card": contents.card,
        "coalactl": contents.version,
        **{name: _json(getattr(contents, name)) for name in _TABLES},
        "drawn": _json([*contents.drawn]),
    }
    digest = _digest(metadata, contents.tensors)
    with write_failures(path), replacing(path) as temporary:
        # Written by Python: what safetensors says of a full disk is no error of the system.
        temporary.write_bytes(save(dict(contents.tensors), {**metadata, _DIGEST: digest}))
    return digest


def _json(content: Any) -> str:
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


def read(path: Path) -> AgentFile:
    """The file at the path, compared with its digest.

    Raises :class:`UserError`: there is none; or, damaged, it is none, of another format, or not what was written.
    """
    place = place_of(path)
    if not place.exists():
        raise UserError(f"{path}: there is no such agent file; `coalactl agents pack RUN` makes one of a run")
    if not place.is_file():
        raise UserError(f"{path} is not a file; `coalactl agents pack RUN` makes an agent file of a run")
    metadata, tensors = _stored(path, place)
    if _digest(metadata, tensors) != metadata.get(_DIGEST):
        raise _damaged(path, "it has other bytes than were written (SHA-256)")
    try:
        texts = {name: metadata[name] for name in _TEXTS}
        tables = {name: json.loads(metadata[name]) for name in _TABLES}
        contents = Contents(
            step=int(metadata["step"]),
            config=texts["config.toml"],
            card=texts["card"],
            tensors=tensors,
            drawn=json.loads(metadata["drawn"]),
            version=texts["coalactl"],
            **tables,
        )
    except (KeyError, ValueError, RecursionError) as error:
        raise _damaged(path, f"its metadata lack what they must have: {reason(error)}") from error
    if not all(isinstance(table, dict) for table in tables.values()) or contents.step < 0:
        raise _damaged(path, "its metadata are not those of agents")
    if not _are_numbers(contents.drawn) or bool(contents.drawn) == bool(contents.group(NAIVE)):
        raise _damaged(path, "its naive initialisations are neither stored nor drawn again, or both")
    return AgentFile(path, metadata[_DIGEST], contents)


def _are_numbers(drawn: Any) -> bool:
    return isinstance(drawn, list) and all(isinstance(each, float) and math.isfinite(each) for each in drawn)


def _stored(path: Path, place: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Metadata of this format and tensors that agents have; not compared with the digest yet."""
    from safetensors import safe_open

    with _told(path), safe_open(place, framework="numpy") as file:
        metadata = file.metadata() or {}
        _check_format(path, metadata)
        described = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  It is no mapping.
        _check_tensors(path, {name: (each.get_dtype(), tuple(each.get_shape())) for name, each in described.items()})
        return metadata, {name: file.get_tensor(name) for name in described}


def _check_format(path: Path, metadata: Mapping[str, str]) -> None:
    if "format" not in metadata or _DIGEST not in metadata:
        raise _damaged(path, "it is no file of agents, or its header is damaged")
    if metadata["format"] != FORMAT:
        version = metadata.get("coalactl", "")
        theirs = f"coalactl {version}" if version else "the coalactl version that wrote it"
        raise UserError(
            f"{path} has format {metadata['format']!r}, or is damaged; coalactl {coalactl.__version__} reads "
            f"{FORMAT!r}; use {theirs}",
            ExitCode.DAMAGED,
        )


def _check_tensors(path: Path, described: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """All agents, and all naive initialisations, have the same parameters: names, and shapes after the first axis."""
    inner: dict[str, dict[str, tuple[int, ...]]] = {group: {} for group in _GROUPS}
    leading: dict[str, set[int]] = {group: set() for group in _GROUPS}
    for name, (kind, shape) in described.items():
        group, _, own = name.partition("/")
        if group not in inner or not own:
            raise _damaged(path, f"tensor {name!r} is none of agents")
        if kind != _TYPE or not shape:
            raise _damaged(path, f"tensor {name!r} is {kind}{list(shape)}, not {_TYPE} that leads with {group}")
        inner[group][own] = shape[1:]
        leading[group].add(shape[0])
    there = {group: counts for group, counts in leading.items() if counts}
    if AGENTS not in there or any(
        inner[group] != inner[AGENTS] or len(counts) != 1 or 0 in counts for group, counts in there.items()
    ):
        raise _damaged(path, "its tensors are not those of agents of one network")


def _digest(metadata: Mapping[str, str], tensors: Tensors) -> str:
    """Of metadata but itself, and of names, types, shapes and bytes; the order in the file is of no consequence."""
    import numpy as np

    told = {
        "metadata": {name: text for name, text in metadata.items() if name != _DIGEST},
        "tensors": {
            name: [_TYPE, list(array.shape), hashlib.sha256(np.asarray(array, "<f4").tobytes()).hexdigest()]
            for name, array in tensors.items()
        },
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What safetensors says of a file, in one line."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise _damaged(path, reason(error)) from error


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path} is damaged: {what}", ExitCode.DAMAGED)
