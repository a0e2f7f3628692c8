"""Who keeps which drawer, and who packed what.

Drawers were given to keepers for life. A keeper's drawer is opened by
that keeper, or in the presence of two people who are sorry to disturb.
"""

# Number of the drawer, counted from the door.
DRAWER_OF_KEEPER = {
    "Maëlle Corbin": 114,
    "Nils Abernathy": 37,
    "Odile Rask": 208,
    "Piers Winterbourne": 92,
    "Ragna Thorne": 163,
}

# Packets of seed packed by each of the volunteers from the ropewalk.
PACKETS_PACKED = {
    "Xenia Morrow": 1450,
    "Yorick Dale": 620,
    "Zelda Carrow": 985,
    "Ambrose Teague": 2130,
    "Linnea Boyd": 1775,
}

DRAWERS_IN_A_ROW = 24


def position(keeper):
    """Return (row, place) of a keeper's drawer, both from one.

    >>> position("nobody")
    Traceback (most recent call last):
        ...
    KeyError: 'nobody'
    """
    number = DRAWER_OF_KEEPER[keeper] - 1
    return number // DRAWERS_IN_A_ROW + 1, number % DRAWERS_IN_A_ROW + 1


def keeper_of(number):
    """Return the keeper of a drawer, or None for a common one."""
    for name, drawer in DRAWER_OF_KEEPER.items():
        if drawer == number:
            return name
    return None


def thanks():
    """Yield one line of thanks for every packer, busiest first."""
    busiest = sorted(PACKETS_PACKED.items(), key=lambda item: -item[1])
    for name, packets in busiest:
        yield f"{name}: {packets} packets"


if __name__ == "__main__":
    for line in thanks():
        print(line)
