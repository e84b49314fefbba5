"""Server programs that stand behind the gateway as applications do. Each is run as `python -m applications.NAME
DESCRIPTOR SERVER …`: with a listening socket, and a name that tells it from its twin."""
