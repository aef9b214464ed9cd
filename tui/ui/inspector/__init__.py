"""What a run really did: its tool calls as they grow, and the raw events they came from."""
