"""The conversation pane: a thread's messages as they stream."""
