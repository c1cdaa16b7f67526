"""The push fabric over NATS: one client in each process, and what it keeps of streams and pushes."""
