"""Dates, times, numbers of other scripts and languages in western notation, for `longhop.answers`.

    >>> western("1901年5月3日"), western("一九〇一年五月"), western("公元前44年"), western("3 mai 1901")
    ('1901-05-03', 'May 1901', '44 BC', '3 May 1901')
    >>> western("三百四十"), western("3万"), western("五人"), western("下午3点"), western("千葉")
    ('340', '30000', '5 人', '3:00 pm', '千葉')

Numerals of Chinese, Japanese and Korean are read where nothing follows them but a counter or a unit, since names begin
with them too. One Korean syllable alone is a word and not a number.
"""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["unpointed", "western"]

_DIGITS = {char: number for number, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_HANGUL_DIGITS = {char: number for number, char in enumerate("영일이삼사오육칠팔구")} | {"공": 0, "육": 6, "륙": 6}
_TENS = {"十": 10, "百": 100, "千": 1000, "십": 10, "백": 100, "천": 1000}
_MYRIADS = {"万": 10**4, "萬": 10**4, "만": 10**4, "亿": 10**8, "億": 10**8, "억": 10**8, "兆": 10**12, "조": 10**12}
_HAN = f"{''.join(_DIGITS)}十百千"
_HANGUL = f"{''.join(_HANGUL_DIGITS)}십백천"
_SCALE = "".join(_MYRIADS)
_N = rf"(?:\d+|[{_HAN}]+|[{_HANGUL}]+)"
_DATE = re.compile(
    rf"(?P<bc>公元前|西元前|紀元前|纪元前|기원전 ?)?(?:公元|西暦|서기 ?)?(?P<y>{_N})[年년]"
    rf"(?: ?(?P<m>{_N})[月월](?: ?(?P<d>{_N})[日号號일])?)?"
)
_DAY = re.compile(rf"(?P<m>{_N})[月월] ?(?P<d>{_N})[日号號일]")
_CLOCK = re.compile(
    rf"(?P<half>午前|上午|早上|오전|午後|下午|晚上|오후) ?(?P<h>{_N})[時时点點시] ?"
    rf"(?:(?P<min>{_N})[分분]|(?P<thirty>半|반))?"
)
_AFTERNOON = ("午後", "下午", "晚上", "오후")
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)(?P<n>[\d.,{_HAN}{_HANGUL}{_SCALE} ]*[\d{_HAN}{_HANGUL}{_SCALE}])\s?(?P<unit>\D*)"
)
_UNITS = {
    name: unit
    for unit, names in {
        "km": "公里 千米 キロメートル 킬로미터",
        "m": "米 メートル 미터",
        "kg": "公斤 千克 キログラム 킬로그램",
        "h": "小时 小時 時間 시간",
        "min": "分钟 分鐘 分間 분",
        "s": "秒 초",
        "day": "天 日間 일간",
        "year": "年 年間 년 년간",
        "¥": "円 엔",
        "$": "美元 ドル 달러",
        "€": "欧元 ユーロ 유로",
        "%": "パーセント 퍼센트",
    }.items()
    for name in names.split()
}
_COUNTERS = frozenset(
    "人 个 個 名 位 岁 歳 才 元 块 本 冊 册 匹 頭 头 台 臺 回 次 座 条 條 枚 只 隻 章 卷 巻 階 层 層 つ "
    "時 时 点 件 种 種 개 명 원 살 세 마리 권 번 층 대 장 시 ヶ月 か月 个月 個月 개월".split()
)
_LATIN_UNIT = re.compile(r"[A-Za-z°%‰/²³^23]+")

_MONTHS: dict[str, int] = {}
for _language in (
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
    "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
):
    _MONTHS.update({name: number for number, name in enumerate(_language.split(), 1)})
_ENGLISH = "January February March April May June July August September October November December".split()
_FOREIGN = re.compile(
    rf"(?:(?P<d>\d{{1,2}})(?:\.|er|º)? (?:de )?)?(?P<m>{'|'.join(_MONTHS)}) (?:del? )?(?P<y>\d{{4}})"
    r"(?: ?(?:г\.?|года|م))?",
    re.IGNORECASE,
)
_POINTS = re.compile("[\u064b-\u0652\u0670\u0640\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")


def unpointed(text: str) -> str:
    """Without the vowel points of Arabic and Hebrew, which mostly are not written, and without Arabic's stretching."""
    return _POINTS.sub("", text)


def western(text: str) -> str:
    """A date, time or number that stands for itself in western notation; all else as it is."""
    if foreign := _FOREIGN.fullmatch(text):
        month = _ENGLISH[_MONTHS[foreign["m"].lower()] - 1]
        return " ".join(part for part in (foreign["d"], month, foreign["y"]) if part)
    if text.isascii():
        return text
    if match := _DATE.fullmatch(text):
        return _date(match) or text
    if match := _DAY.fullmatch(text):
        number, day = _number(match["m"]), _number(match["d"])
        return f"{day} {_ENGLISH[int(number) - 1]}" if number and day and 1 <= number <= 12 else text
    if match := _CLOCK.fullmatch(text):
        hour, minute = _number(match["h"]), 30 if match["thirty"] else _number(match["min"] or "0")
        if hour is None or minute is None or not 1 <= hour <= 12:
            return text
        return f"{hour}:{int(minute):02} {'pm' if match['half'] in _AFTERNOON else 'am'}"
    match = _NUMBER.fullmatch(text)
    if match is None or (match["n"].isdigit() and match["unit"] not in _UNITS):
        return text
    unit = _UNITS.get(match["unit"], match["unit"])
    value = _number(match["n"])
    if value is None or not (unit == match["unit"] == "" or unit in _COUNTERS or _known(unit)):
        return text
    return f"{match['sign']}{value} {unit}".rstrip()


def _known(unit: str) -> bool:
    return unit in _UNITS.values() or _LATIN_UNIT.fullmatch(unit) is not None


def _date(match: re.Match[str]) -> str | None:
    year = _number(match["y"], positional=True)
    month, day = (_number(match[name]) if match[name] else None for name in ("m", "d"))
    if year is None or (month is not None and not 1 <= month <= 12):
        return None
    if match["bc"]:
        return None if month else f"{year} BC"
    if day:
        return f"{int(year):04}-{int(month or 0):02}-{int(day):02}"
    if month:
        return f"{_ENGLISH[int(month) - 1]} {year}"
    return f"{year}" if year >= 1000 else f"{year} year"


def _number(text: str, *, positional: bool = False) -> Fraction | None:
    """The value of digits or numerals, `1.2万` and `3万 5千` too; None for what is no number."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))| ", "", text)
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return Fraction(text)
    digits = _DIGITS | _HANGUL_DIGITS
    if all(char in digits for char in text) and (len(text) > 1 or text in _DIGITS):
        spelled = "".join(str(digits[char]) for char in text)
        # Numerals in a row are digits only in a year or with a zero: 二三 is two or three, 三四 three or four.
        return Fraction(int(spelled)) if len(text) == 1 or positional or "0" in spelled else None
    if len(text) == 1 and text not in "十百千":
        return None
    return _composed(text, digits)


def _composed(text: str, digits: dict[str, int]) -> Fraction | None:
    total, below, last = Fraction(0), Fraction(0), 10**16
    number: Fraction | None = None
    step = 10**5
    for token in re.findall(r"\d+(?:\.\d+)?|.", text):
        if token in _MYRIADS:
            part = below + (number or 0)
            if _MYRIADS[token] >= last or not part:
                return None
            total, below, number, last, step = total + part * _MYRIADS[token], Fraction(0), None, _MYRIADS[token], 10**5
        elif token in _TENS:
            if _TENS[token] >= step or number == 0:
                return None
            below, number, step = below + (number if number is not None else 1) * _TENS[token], None, _TENS[token]
        elif token in digits or token[0].isdigit():
            if number not in (None, 0):
                return None
            number = Fraction(digits[token]) if token in digits else Fraction(token)
        else:
            return None
    return total + below + (number or 0)
