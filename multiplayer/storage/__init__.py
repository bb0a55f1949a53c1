"""What is kept: the port, its adapters, and the embedded Postgres."""
