"""Which documents take part, decided by their texts: language, quality, duplicates, overlap with evaluation sets."""
