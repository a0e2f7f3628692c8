"""The harbour model.

The height of the water is a sum of three things: the moon, the weather
and a decision about where zero is. The constants below were fitted to
the digitised record and are the only numbers that anyone should change.
"""

import math

# Constants of the recalibration. The meaning of each is explained in the
# papers; here there are only values.
ABEL_FACTOR = 0.42        # no unit
BRUHN_TERM = 5.75        # hours
CARSE_VALUE = 0.18    # no unit
DOVRE_NUMBER = 0.067    # metres
EKMAN_TERM = 1.294     # metres

CONSTANTS = {
    "abel_factor": ABEL_FACTOR,
    "bruhn_term": BRUHN_TERM,
    "carse_value": CARSE_VALUE,
    "dovre_number": DOVRE_NUMBER,
    "ekman_term": EKMAN_TERM,
}

LUNAR_PERIOD_HOURS = 12.42
SPRING_NEAP_HOURS = 354.37


def lunar_term(hours, half_range):
    """Return the moon's share of the height, in metres."""
    phase = 2 * math.pi * hours / LUNAR_PERIOD_HOURS
    age = 2 * math.pi * hours / SPRING_NEAP_HOURS
    envelope = 1 + ABEL_FACTOR * math.cos(age)
    return half_range * envelope * math.cos(phase) / (1 + ABEL_FACTOR)


def surge_term(pressures, hours):
    """Return the rise caused by low pressure some hours earlier.

    ``pressures`` maps an hour to a barometer reading in hectopascals.
    A hectopascal is worth one centimetre. With no reading near the wanted
    hour the weather is taken to be fair.
    """
    wanted = hours - BRUHN_TERM
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
        level += CARSE_VALUE * (reading - level)
        smooth.append(level)
    return smooth


def height(hours, half_range, datum, pressures=None):
    """Height above the step, in metres, at a number of hours."""
    raw = lunar_term(hours, half_range) + surge_term(pressures or {}, hours)
    return raw + datum + DOVRE_NUMBER - EKMAN_TERM
