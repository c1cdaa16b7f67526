"""Direct paths past the libraries, for what comes by the thousand: the only modules that lean on their insides.

- `nats_client`: nats-py's `_ps`, `_subs`, `_pongs`, `_transport` and `_pending_queue`; tests/kit/test_fabric.py notices
  a change.
- `http_protocol`: uvicorn's `HttpToolsProtocol`, its `cycle` and its callbacks; tests/processes/test_http.py.
- `websockets`: uvicorn's `WebSocketsSansIOProtocol`, its queue and its flags; tests/surfaces/gateway.
- `kept_connections`: asyncpg without its pool; tests/kit/test_kept_connections.py.

That uvicorn still leads to these paths shows in tests/processes/test_direct_paths.py. What they bring, and what else
was considered: docs/decisions/0012-hot-path-parts.md.
"""
