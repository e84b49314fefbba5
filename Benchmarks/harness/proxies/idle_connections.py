"""Kept-alive connections, the same for every proxy that can be told."""

UNLIMITED_REQUESTS = 1_000_000_000  # on one connection: nginx closes it after 1,000 without such a setting
IDLE_CONNECTIONS = 64  # to the web server that nginx and Sluice keep
