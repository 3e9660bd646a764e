"""Its Fig. 99, of which nothing is claimed, and nothing drawn."""

from __future__ import annotations

from coalactl.papers.contract import Exhibit
from coalactl.papers.trains import Trains

EXHIBIT = Exhibit("99", Trains((), ()), (), lambda _: None)
