"""longhop builds long-context multi-hop question-answering datasets out of books, papers and code."""
