"""The handset gateway: `docs/gateway.md` on a WebSocket and as plain HTTP.

app.py (`Gateway`) knows the open streams of its process, stream.py is one stream's life, connection.py what waits to be
written to it, verbs.py what its frames do, which the plain-HTTP twin (http_verbs.py) shares; wire.py holds the JSON.
"""
