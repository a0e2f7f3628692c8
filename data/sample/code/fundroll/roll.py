"""The pension roll.

Sums are whole crowns. There are no fractions in the roll, because the one
time that there was half a crown left over it was debated until Easter.
"""

import json
from pathlib import Path

HERE = Path(__file__).parent

# Pension of the shipwrights, in crowns a month, as voted in 2002.
PENSION_CROWNS = {
    "Hester Crane": 415,
    "Ivo Bellamy": 360,
    "Jorunn Pike": 505,
    "Kester Dunmore": 280,
    "Orla Penhallow": 445,
}

CHRISTMAS_EXTRA = 25


def accounts(path=HERE / "accounts.json"):
    """Return the account numbers, by society."""
    text = Path(path).read_text(encoding="utf-8")
    return json.loads(text)["account_number"]


def monthly_total(month):
    """What has to be in the tin on the first of a month.

    >>> monthly_total(12) > monthly_total(11)
    True
    """
    total = sum(PENSION_CROWNS.values())
    if month == 12:
        total += CHRISTMAS_EXTRA * len(PENSION_CROWNS)
    return total


def order(society, month, share):
    """The slip that is taken to the bank on a Thursday.

    ``share`` is the part of the whole which the society has promised. It is
    rounded up. Societies are proud, and none has complained.
    """
    number = accounts()[society]
    crowns = -int(-monthly_total(month) * share // 1)
    return f"Account {number}: pay {crowns} crowns, gladly."


def roll():
    """Yield the roll in the order in which people are called in."""
    for name in sorted(PENSION_CROWNS, key=lambda n: n.split()[1]):
        yield f"{name:<16} {PENSION_CROWNS[name]:>5}"


if __name__ == "__main__":
    for line in roll():
        print(line)
