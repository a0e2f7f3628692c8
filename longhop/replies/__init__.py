"""What models write, read with patience: reasoning, stated answers, questions in JSON, verdicts."""
