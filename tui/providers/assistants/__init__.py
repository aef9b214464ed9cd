"""The Assistants v2 protocol: threads and runs on a server, streamed."""
