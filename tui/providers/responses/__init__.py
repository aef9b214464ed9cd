"""The Responses API: one response a round, made of items; stateless unless asked otherwise."""
