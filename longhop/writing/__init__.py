"""What a writer is shown of a context: bridges between its documents, and the passages around them."""
