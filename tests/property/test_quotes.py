"""A quote is found where it stands, whatever typography does to it on the way."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from longhop.quotes import NEARLY, locate
from longhop.records import Context, ContextDocument

WORDS = (
    "harbour winter ledger crane beacon pilot market flood rope amber thistle copper meadow sermon barrel lantern "
    "cinder willow gravel ferry anvil don't well-known state-of-the-art naïve co-operate 1,234 3.5"
).split()
SAME = [("'", "’"), ('"', "“"), ("-", "–"), ("-", "‐"), ("fi", "ﬁ"), ("...", "…")]


def context(text: str) -> Context:
    """A context of one document that begins behind something else."""
    before = "Something else stands before.\n\n"
    document = ContextDocument(
        document_id="d",
        kind="book",
        title="D",
        source="d.txt",
        license=None,
        start=len(before),
        end=len(before) + len(text),
        n_tokens=9,
    )
    whole = f"{before}{text}\n\nAnd something behind."
    return Context(context_id="c", split="train", target_tokens=9, n_tokens=9, text=whole, documents=[document])


def noisy(quote: str, rng: random.Random) -> str:
    """The quote with other quotation marks, dashes and spaces, and long words parted at line ends."""
    for plain, fancy in SAME:
        if rng.random() < 0.5:
            quote = quote.replace(plain, fancy)
    words = []
    for word in quote.split(" "):
        parted = word.isalpha() and word.isascii() and len(word) > 5 and rng.random() < 0.2
        words.append(f"{word[:3]}-\n{word[3:]}" if parted else word)
    return "".join(word + rng.choice([" ", " ", "  ", "\n", "\u00a0"]) for word in words).rstrip()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.booleans())
def test_a_quote_with_typographic_noise_is_found_where_it_stands(seed: int, noise_in_text: bool) -> None:
    """The noise may be in the quote or in the text; the place is exact, and the score is that of typography alone."""
    rng = random.Random(seed)
    sentences = [" ".join(rng.choices(WORDS, k=rng.randrange(6, 14))) + "." for _ in range(60)]
    number = rng.randrange(60)
    quote = f"{seed} {sentences[number][:-1]}"
    sentences[number] = "\0"
    before, _, after = " ".join(sentences).partition("\0")
    other = noisy(quote, rng)
    said, stands = (quote, other) if noise_in_text else (other, quote)
    text = f"{before}{stands}{after}"
    found = locate(context(text), context(text).documents[0], said)
    assert context(text).text[found.start : found.end] == stands
    assert found.score == 1.0 if said == stands else found.score >= NEARLY


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.text(max_size=80))
def test_what_is_found_lies_within_the_document(text: str, quote: str) -> None:
    """Whatever the characters: offsets are in the document, and a score of 1 means that it stands there."""
    made = context(text)
    found = locate(made, made.documents[0], quote)
    assert made.documents[0].start <= found.start <= found.end <= made.documents[0].end
    assert 0 <= found.score <= 1
    if found.score == 1:
        assert made.text[found.start : found.end] == quote
