"""Stations and observers.

Datums are the heights of the station marks in metres above the zero of
the harbour. Codes are what the observers wrote in the corner of a sheet.
"""

STATION_DATUM = {
    "Corvane Basin": 2.815,
    "Ferrin Quay": 3.142,
    "Skarn Mole": 4.067,
    "Oster Pier": 1.938,
    "Lund Narrows": 2.276,
}

# The sign in the corner of the sheet. Forgeries are known.
OBSERVER_CODE = {
    "Casimir Brandt": "CB7",
    "Dagny Ashworth": "OWL",
    "Edmund Sorrel": "E11",
    "Freya Lindqvist": "BELL",
    "Gideon Marsh": "TUB",
}

# Half of a range that is good enough for a wheelhouse. The proper ranges
# are in the printed tables and are deliberately not copied here.
HALF_RANGE = 1.7


def observer_of(sheet_code):
    """Return the name that belongs to a code, or None.

    >>> observer_of("nobody") is None
    True
    """
    wanted = sheet_code.strip().upper()
    for name, code in OBSERVER_CODE.items():
        if code == wanted:
            return name
    return None


def datum_of(station):
    """Return the datum of a station, with a helpful error."""
    try:
        return STATION_DATUM[station]
    except KeyError:
        known = ", ".join(sorted(STATION_DATUM))
        raise ValueError(f"no station {station!r}; try one of {known}")


def sort_sheets(sheets):
    """Group (code, text) sheets by observer; strangers come last."""
    groups = {name: [] for name in OBSERVER_CODE}
    groups["unsigned"] = []
    for code, text in sheets:
        groups[observer_of(code) or "unsigned"].append(text)
    return groups
