"""The harbour model.

The height of the water is a sum of three things: the moon, the weather
and a decision about where zero is. The constants below were fitted to
the digitised record and are the only numbers that anyone should change.
"""

import math

# Constants of the recalibration. The meaning of each is explained in the
# papers; here there are only values.
TIDE_GAIN = 0.42        # no unit
SURGE_LAG = 5.75        # hours
SWELL_DAMPING = 0.18    # no unit
GAUGE_OFFSET = 0.067    # metres
DATUM_SHIFT = 1.294     # metres

CONSTANTS = {
    "tide_gain": TIDE_GAIN,
    "surge_lag": SURGE_LAG,
    "swell_damping": SWELL_DAMPING,
    "gauge_offset": GAUGE_OFFSET,
    "datum_shift": DATUM_SHIFT,
}

LUNAR_PERIOD_HOURS = 12.42
SPRING_NEAP_HOURS = 354.37


def lunar_term(hours, half_range):
    """Return the moon's share of the height, in metres."""
    phase = 2 * math.pi * hours / LUNAR_PERIOD_HOURS
    age = 2 * math.pi * hours / SPRING_NEAP_HOURS
    envelope = 1 + TIDE_GAIN * math.cos(age)
    return half_range * envelope * math.cos(phase) / (1 + TIDE_GAIN)


def surge_term(pressures, hours):
    """Return the rise caused by low pressure some hours earlier.

    ``pressures`` maps an hour to a barometer reading in hectopascals.
    A hectopascal is worth one centimetre. With no reading near the wanted
    hour the weather is taken to be fair.
    """
    wanted = hours - SURGE_LAG
    if not pressures:
        return 0.0
    nearest = min(pressures, key=lambda hour: abs(hour - wanted))
    if abs(nearest - wanted) > 3:
        return 0.0
    return (1013.0 - pressures[nearest]) / 100


def calm(readings):
    """Take the heave of the swell out of a list of readings."""
    level = readings[0]
    smooth = []
    for reading in readings:
        level += SWELL_DAMPING * (reading - level)
        smooth.append(level)
    return smooth


def height(hours, half_range, datum, pressures=None):
    """Height above the step, in metres, at a number of hours."""
    raw = lunar_term(hours, half_range) + surge_term(pressures or {}, hours)
    return raw + datum + GAUGE_OFFSET - DATUM_SHIFT
