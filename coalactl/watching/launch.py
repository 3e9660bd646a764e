"""From a request to frames."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from coalactl.environment import prepare_jax
from coalactl.errors import UserError
from coalactl.evaluation.contestants import Contestant, Entry, contestants_of, enter, newest
from coalactl.evaluation.lineups import Opponent, check_seats, opponents_of
from coalactl.evaluation.pools import find_pool
from coalactl.output import emit, note
from coalactl.runs.directory import is_pack, make_folder
from coalactl.runs.layout import refuse_links
from coalactl.runs.pack import Pack
from coalactl.runs.sources import results_folder
from coalactl.terminal import OurConsole, OurLive
from coalactl.watching.drawing import FRAMES_PER_SECOND, write_gif
from coalactl.watching.request import WatchRequest, check_target
from coalactl.watching.scenes import play
from coalactl.watching.viewers import viewer_of
from coalactl.working import working

_ROOT = Path("runs")


def watch(request: WatchRequest) -> None:
    """Does what the request asks; raises :class:`UserError`, before anything is played where the request is wrong."""
    with working("reading the run", quiet=request.quiet) as tell:
        entry = _entry(request)
        viewer = viewer_of(entry.experiment.environment.name)
        _check_agent(request, entry)
        check_seats(request.against or "", entry, f"--against {request.against}", "--against naive")
        episode = _episode(request, entry)
        tell("loading JAX")
        prepare_jax()
        tell("loading the checkpoint")
        contestant = contestants_of([entry], request.step)[0]
        opponent = _opponent(request, contestant)
        target = _target(request, contestant, opponent, episode) if request.gif else None
        if target is not None:
            make_folder(target.parent)
        tell("playing a meta-episode")
        scenes = play(contestant, request.agent, opponent, request.seed)
    _tell(request, f"step {contestant.step}: A is {scenes.names[0]}, B is {scenes.names[1]}; seed {request.seed}")
    if target is None:
        _show(viewer.blocks(scenes, episode))
        return
    with working("drawing", quiet=request.quiet):
        write_gif(target, viewer.frames(scenes, episode))
    if not request.quiet:
        emit(str(target))


def _tell(request: WatchRequest, text: str) -> None:
    if not request.quiet:
        note(text)


def _entry(request: WatchRequest) -> Entry:
    """The run, or the first of a pack."""
    path = request.run or newest(_ROOT)
    if request.run is None:
        _tell(request, f"watching {path}, the newest below {_ROOT}")
    if is_pack(path):
        path = Pack.open(path).runs[0].path
        _tell(request, f"a pack: watching its first run, {path}")
    return enter([path], request.step)[0]


def _check_agent(request: WatchRequest, entry: Entry) -> None:
    count = entry.experiment.population.meta_agents
    if not 0 <= request.agent < count:
        raise UserError(f"--agent: {request.agent} given; {entry.run.path} has agents 0 to {count - 1}")


def _episode(request: WatchRequest, entry: Entry) -> int:
    count = entry.experiment.rollout.inner_episodes
    episode = count - 1 if request.episode is None else request.episode
    if not 0 <= episode < count:
        raise UserError(f"--episode: {episode} given; {entry.run.path} has inner episodes 0 to {count - 1}")
    return episode


def _opponent(request: WatchRequest, contestant: Contestant) -> Opponent:
    """Which of the kind goes by the seed."""
    kind = request.against or ("naive" if contestant.p_naive > 0 else "meta")
    opponents = opponents_of(0, request.agent, [contestant], find_pool(kind, 1), contestant.p_naive)
    return opponents[request.seed % len(opponents)]


def _target(request: WatchRequest, contestant: Contestant, opponent: Opponent, episode: int) -> Path:
    if request.out is not None:
        return request.out
    folder = results_folder(contestant.entry.run, "watch")
    pair = f"agent-{request.agent}-{opponent.kind}-{opponent.number}"
    name = f"step-{contestant.step}-{pair}-episode-{episode}-seed-{request.seed}.gif"
    refuse_links((folder, folder / name))
    check_target(folder / name)
    return folder / name


def _show(blocks: Sequence[Text]) -> None:
    """A frame in the place of the one before on a terminal, one below the other elsewhere."""
    console = OurConsole(highlight=False)
    if len(blocks) == 1 or not console.is_live:
        for block in blocks:
            console.print(block, soft_wrap=True)
        return
    with OurLive(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        for block in blocks:
            live.update(block, refresh=True)
            time.sleep(1 / FRAMES_PER_SECOND)
