"""Command line: station and hours in, height out."""

import sys

from .model import height
from .stations import HALF_RANGE, datum_of

ALARM_METRES = 0.35


def main(argv=None):
    """Print one height, and ring the bell if it is low."""
    args = sys.argv[1:] if argv is None else argv
    if len(args) != 2:
        print("usage: python -m tidebox STATION HOURS")
        return 2
    station, hours = args[0], float(args[1])
    metres = height(hours, HALF_RANGE, datum_of(station))
    print(f"{station}: {metres:.2f} m")
    if metres < ALARM_METRES:
        print("\a(low water)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
