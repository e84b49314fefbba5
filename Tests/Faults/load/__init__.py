"""The load: clients that stamp every message and check every answer."""
