"""How many meta-episodes each opponent of a pool gets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalactl.evaluation.lineups import meta_episodes


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=30), st.integers(0, 1000))
def test_meta_episodes_are_shared_by_weight(weights: list[float], more: int) -> None:
    shares = [weight / sum(weights) for weight in weights]
    episodes = len(shares) + more
    counts = meta_episodes(shares, episodes)
    assert sum(counts) == episodes
    assert min(counts) >= 1
    if all(share * episodes >= 1 for share in shares):
        # Rounded cumulative shares: each count is within one of its own.
        assert max(abs(count - share * episodes) for count, share in zip(counts, shares, strict=True)) <= 1 + 1e-6
