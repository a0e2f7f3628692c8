"""People and boats that may be called when a lamp fails.

The people are the old keepers and pilots. They have retired, and they have
all said, separately, that they would be hurt not to be asked. They are
called in the order of their service, longest first.
"""

# Whole years in the service of the lights or the pilotage.
YEARS_OF_SERVICE = {
    "Ines Halvorsen": 34,
    "Tobias Reeve": 27,
    "Marta Quill": 22,
    "Anselm Greaves": 41,
    "Brigid Tollan": 18,
}

# Radio call signs of the boats that can land at a rock in bad weather.
CALL_SIGN = {
    "Bold Kittiwake": "KLQ4",
    "Morning Plover": "MZT9",
    "Grey Dunlin": "GDX2",
    "Merry Sandpiper": "SPV7",
    "Quiet Fulmar": "QFR5",
}

# Strokes of the bell. Nobody has ever counted beyond three.
STROKES = {
    "Marrow Light": 1,
    "Tern Light": 2,
    "Gannet Light": 3,
    "Widow Light": 4,
    "Saddle Light": 5,
}


def call_order():
    """Names in the order in which they should be telephoned."""
    return sorted(YEARS_OF_SERVICE, key=YEARS_OF_SERVICE.get, reverse=True)


def boat_by_sign(sign):
    """Return the boat that answers to a call sign, or None."""
    for boat, known in CALL_SIGN.items():
        if known == sign.upper():
            return boat
    return None


def bell_for(light):
    """The strokes for a light, as something that can be read aloud."""
    return " ".join(["DONG"] * STROKES[light])


def message(light, boat):
    """What is said on the telephone. It should be short."""
    first = call_order()[0]
    sign = CALL_SIGN[boat]
    return f"{first}: {light} is out. {boat} ({sign}) is at the steps."
