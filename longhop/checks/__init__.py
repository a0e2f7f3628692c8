"""What a question must pass before traces are spent on it: a module a family of checks; `stages.checks` runs them."""
