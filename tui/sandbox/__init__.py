"""The built-in model: offline, deterministic, scriptable; a provider like any other."""
