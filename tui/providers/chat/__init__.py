"""The Chat Completions protocol: one request a round, the whole conversation in each."""
