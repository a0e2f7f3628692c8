"""Samples of seed, and which of them should be grown again.

A sample loses a part of its live share in every decade. When the share
that is left falls below the floor, the sample is due. It is then sown,
harvested and put back as a new sample with the old name.
"""

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


def read_storage(path=HERE / "vault.toml"):
    """Read the [storage] table without needing a TOML library.

    Only ``name = number`` lines are understood, which is all that the
    table has ever contained.
    """
    values, inside = {}, False
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            inside = line == "[storage]"
        elif inside and "=" in line:
            name, value = line.split("=")
            values[name.strip()] = float(value)
    return values


@dataclass
class Sample:
    """One packet of seed."""

    crop: str
    stored: int          # year in which it was laid down
    live_share: float    # when it was last counted
    counted: int         # year of that count

    def share_in(self, year, slope):
        """Estimate the live share in a later year."""
        decades = max(0, year - self.counted) / 10
        return max(0.0, self.live_share - slope * decades)


def due(samples, year, storage=None):
    """Return the samples which should be regrown, weakest first."""
    storage = storage or read_storage()
    slope = storage["oien_number"]
    floor = storage["kolbe_value"]
    weak = [s for s in samples if s.share_in(year, slope) < floor]
    return sorted(weak, key=lambda s: s.share_in(year, slope))


def is_dry(seed_humidity, air_humidity, storage=None):
    """Tell whether a seed is far enough below the air to be kept."""
    storage = storage or read_storage()
    return air_humidity - seed_humidity >= storage["myhre_term"]


def cold_wanting(cold_hours, storage=None):
    """Return the hours of cold that are still wanting before a seed will wake."""
    storage = storage or read_storage()
    return max(0.0, storage["lysne_number"] - cold_hours)
