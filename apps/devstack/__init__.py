"""What `make run` starts when nothing is configured: PostgreSQL from a wheel, the web server, the worker."""
