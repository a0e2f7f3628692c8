"""Units that convert into one another, for `longhop.answers`.

    >>> in_base(Fraction(36), "km/h"), in_base(Fraction(10), "m/s")
    ((Fraction(10, 1), 'meter second^-1'), (Fraction(10, 1), 'meter second^-1'))
    >>> in_base(Fraction(5), "°C"), in_base(Fraction(3), "crown")
    ((Fraction(5, 1), '°C'), (Fraction(3, 1), 'crown'))

Pint knows the factors; they are exact fractions, so nothing is rounded. It is loaded with the first unit that it knows,
since an import of longhop should not wait for it. Left as they are:

- temperatures, since a difference of 5 °C is no 278.15 K; currencies; per cent;
- what has several sizes: gallon, pint, ounce, acre (survey and international foot), calories in joules;
- years and months in days: 12 months are a year, 365 days may be one;
- angles, rpm, pixels, decibels.

Multiples of bytes are those of the standard: 1 MB is 1000 kB, 1 KiB is 1024 B.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pint

__all__ = ["in_base"]

_PINT = dict(
    pair.split("=")
    for pair in """
    km=kilometer m=meter cm=centimeter mm=millimeter µm=micrometer nm=nanometer mi=mile ft=foot in=inch yd=yard
    nmi=nautical_mile ly=light_year ha=hectare L=liter mL=milliliter kg=kilogram g=gram mg=milligram t=metric_ton
    lb=pound h=hour min=minute s=second ms=millisecond µs=microsecond ns=nanosecond day=day week=week
    Hz=hertz kHz=kilohertz MHz=megahertz GHz=gigahertz W=watt kW=kilowatt MW=megawatt GW=gigawatt mW=milliwatt
    kWh=kilowatt_hour V=volt kV=kilovolt mV=millivolt A=ampere mA=milliampere N=newton kN=kilonewton J=joule
    kJ=kilojoule MJ=megajoule Pa=pascal kPa=kilopascal hPa=hectopascal MPa=megapascal
    B=byte kB=kilobyte MB=megabyte GB=gigabyte TB=terabyte KiB=kibibyte MiB=mebibyte GiB=gibibyte
    bit=bit kbit=kilobit Mb=megabit Gb=gigabit kn=knot mph=mile_per_hour
    """.split()
)
"""What the units of `longhop.answers.numbers` are called in pint."""
_OWN = {"month": (Fraction(1, 12), "year"), "kcal": (Fraction(1000), "cal")}
_POWER = re.compile(r"(.+)\^([23])")


def in_base(value: Fraction, unit: str) -> tuple[Fraction, str]:
    """The quantity in base units, exactly; as it is where its unit has none."""
    factor, base = _base(unit)
    return value * factor, base


@lru_cache(maxsize=4096)
def _base(unit: str) -> tuple[Fraction, str]:
    if unit in _OWN:
        return _OWN[unit]
    unit = {"Mbps": "Mb/s"}.get(unit, unit)
    above, slash, below = unit.partition("/")
    parts = [*((part, 1) for part in [above]), *((part, -1) for part in [below] if slash)]
    factor, exponents = Fraction(1), dict[str, int]()
    for part, direction in parts:
        power = _POWER.fullmatch(part)
        name, exponent = (power[1], int(power[2])) if power else (part, 1)
        if name not in _PINT:
            return Fraction(1), unit
        own, bases = _root(_PINT[name])
        factor *= own ** (direction * exponent)
        for base, times in bases:
            exponents[base] = exponents.get(base, 0) + direction * exponent * times
    said = (f"{base}^{times}" if times != 1 else base for base, times in sorted(exponents.items()) if times)
    return factor, " ".join(said) or unit


@cache
def _registry() -> pint.UnitRegistry[Any]:
    import pint  # noqa: PLC0415 - a third of a second that few need

    return pint.UnitRegistry(non_int_type=Fraction)


@cache
def _root(name: str) -> tuple[Fraction, tuple[tuple[str, int], ...]]:
    """The unit in pint's root units: how many, and the exponent of each."""
    quantity = _registry().Quantity(Fraction(1), name).to_root_units()
    return Fraction(quantity.magnitude), tuple((base, int(str(times))) for base, times in quantity.unit_items())
