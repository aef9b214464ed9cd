"""The only module that knows every part: builds the services out of settings."""
