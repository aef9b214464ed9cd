"""Threads, runs and drafts in SQLite; nothing here is imported before it is asked for."""
