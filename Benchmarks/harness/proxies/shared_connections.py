"""WebSockets over HTTP/2 on few connections, the same for both proxies that can."""

STREAMS = 2500  # on one connection, at most
SERVER_CONNECTIONS = 2  # that 5,000 WebSockets share
