"""Which wet book should be looked at next?

The rule of the archive is that a book gets better by being read. This
module turns the rule into a number. The five values are those which were
agreed by the readers after the flood.
"""

import sys

# Agreed values; the meaning of each is set out in the paper on ledgers.
AASEN_TERM = 0.034      # share
BEKK_NUMBER = 1.85       # milligrams
CORRA_VALUE = 58         # millimetres
DAHL_INDEX = 0.71       # no unit
EIKRE_NUMBER = 9          # times in ten years

AGREED = {
    "aasen_term": AASEN_TERM,
    "bekk_number": BEKK_NUMBER,
    "corra_value": CORRA_VALUE,
    "dahl_index": DAHL_INDEX,
    "eikre_number": EIKRE_NUMBER,
}

URGENT = 0.25


def strength(years_unread):
    """The strength that a leaf has left after years without air."""
    return (1 - AASEN_TERM) ** (years_unread / 10)


def urgency(years_unread, damp, iron=BEKK_NUMBER):
    """A number between nought and one. More is worse."""
    loss = 1 - strength(years_unread)
    wet = max(0.0, damp - DAHL_INDEX)
    eaten = min(1.0, iron / (10 * BEKK_NUMBER))
    return min(1.0, loss + wet + eaten)


def fits(shelf_mm, volumes):
    """How many more volumes will go on a shelf once they have dried."""
    return max(0, int(shelf_mm // CORRA_VALUE) - volumes)


def may_go_out(loans_in_ten_years):
    """Since the reversal of the policy the limit is a minimum.

    A volume which has been out too seldom must go out; one that has been
    out often enough may.
    """
    return "must" if loans_in_ten_years < EIKRE_NUMBER else "may"


if __name__ == "__main__":
    years, damp = float(sys.argv[1]), float(sys.argv[2])
    value = urgency(years, damp)
    print(f"{value:.2f}", "look at it" if value >= URGENT else "leave it")
