"""The threads pane: what conversations there are, newest first."""
