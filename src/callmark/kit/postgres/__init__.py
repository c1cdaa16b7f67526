"""PostgreSQL: connections to the primary, transactions, the schema, and statements for many rows."""
