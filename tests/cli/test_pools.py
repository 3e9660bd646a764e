"""Pool files: mistakes in them are told in one line."""

from pathlib import Path

import pytest

from coalactl.errors import UserError
from coalactl.evaluation.pools import find_pool

BAD_POOLS = {
    "": "opponents: is missing",
    "opponents = []": "at least 1",
    '[[opponents]]\nkind = "nave"': "opponents.0.kind: 'nave' given",
    '[[opponents]]\nkind = "naive"\nweight = 0': "more than 0",
    '[[opponents]]\nkind = "naive"\nweigth = 1': "opponents.0.weigth: there is no such key",
    '[[opponents]]\nkind = "fixed"': "strategy",
    '[[opponents]]\nkind = "cross"': "two runs at least",
    "[[opponents": "not valid TOML",
}


@pytest.mark.parametrize(("text", "words"), BAD_POOLS.items())
def test_mistakes_in_a_pool_file(text: str, words: str) -> None:
    Path("bad.toml").write_text(text)
    with pytest.raises(UserError) as raised:
        find_pool("bad.toml", runs=1)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
