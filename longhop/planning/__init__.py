"""Which pieces of which documents make which context: what documents are about, who is related, what fits a length."""
