"""Compare what a lamp does with what it should do.

A lamp has a period and a share of that period in which it is bright. From
the samples of the photocell we find the beginnings of the flashes, measure
both, and count the cycles that are wrong.
"""

import sys
from pathlib import Path

from registers import bell_for

SAMPLES_A_SECOND = 10
TOLERANCE = 0.08  # share by which a cycle may be off


def read_table(path, table):
    """Read ``name = number`` lines of one table of a TOML file."""
    values, current = {}, None
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            current = line.strip("[]")
        elif current == table and "=" in line:
            name, value = line.split("=")
            values[name.strip()] = float(value)
    return values


def flashes(samples, floor):
    """Return (start, length) of every flash, in seconds."""
    found, start = [], None
    for index, brightness in enumerate(samples):
        bright = brightness >= floor
        if bright and start is None:
            start = index
        elif not bright and start is not None:
            length = (index - start) / SAMPLES_A_SECOND
            found.append((start / SAMPLES_A_SECOND, length))
            start = None
    return found


def wrong_cycles(samples, lamp):
    """Count the cycles whose period or brightness is out of tolerance."""
    wrong = 0
    seen = flashes(samples, lamp["zeiss_value"])
    for (start, length), (following, _) in zip(seen, seen[1:]):
        period = following - start
        ratio = length / period
        bad_period = abs(period / lamp["ulvik_number"] - 1) > TOLERANCE
        bad_ratio = abs(ratio / lamp["vaage_share"] - 1) > TOLERANCE
        wrong += bad_period or bad_ratio
    return wrong


def main(light, path):
    """Print one line, and the bell when it is needed."""
    here = Path(__file__).parent
    lamp = read_table(here / "lamp.toml", "lamp")
    patience = read_table(here / "lamp.toml", "bell")["patience"]
    samples = [float(line) for line in Path(path).read_text().split()]
    wrong = wrong_cycles(samples, lamp)
    print(f"{light}: {wrong} wrong cycles")
    if wrong >= patience:
        print(bell_for(light))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
