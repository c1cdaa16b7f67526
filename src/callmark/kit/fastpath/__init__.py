"""Direct paths around the libraries, for what comes by the thousand.

No others use the libraries' internals but `kit.postgres.known_types`: asyncpg's `_introspect_types` and `_transport`;
tests/kit/postgres/test_known_types.py.

- `nats_client`: nats-py's `_ps`, `_subs`, `_pongs`, `_transport` with its `_io_writer`, and its steps `_process_info`,
  `_process_err`, `_process_op_err`, `_connect_to_server`; `nats_messages`: `_pending_queue` and the parser.
  tests/kit/fabric/test_client.py and test_nats_cluster.py notice a change.
- `http_protocol`: uvicorn's `HttpToolsProtocol`, its `cycle` and its callbacks; tests/processes/test_http.py. With it
  `one_write`, an answer's way out, and `drain`, the end of a connection; tests/processes/test_early_answers.py.
- `websockets`: uvicorn's `WebSocketsSansIOProtocol`, its queue and its flags; tests/surfaces/gateway.
- `uuids`: asyncpg's `pgproto.UUID`; tests/kit/test_ids.py.

That uvicorn still leads to these paths shows in tests/processes/test_direct_paths.py. What they bring, and what else
was considered: docs/decisions/0012-hot-path-parts.md.
"""
