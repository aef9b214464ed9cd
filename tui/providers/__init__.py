"""Wire protocols: how to talk to models that live behind some API."""
