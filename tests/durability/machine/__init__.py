"""A state machine over the whole stack: real processes, real files, a server on strings."""
