"""Words that mean nothing."""

from __future__ import annotations

from random import Random

__all__ = ["some_words"]

_WORDS = (
    "amber basin candle drift ember ferry gravel harbour island jetty kettle lantern mast north oar pebble quay reef "
    "salt tide umber vessel wharf yarrow zinc anchor bell cove dune eddy fathom gull hull inlet jib keel ledge mooring"
).split()


def some_words(rng: Random, number: int) -> str:
    """So many words in a row."""
    return " ".join(rng.choices(_WORDS, k=number))
