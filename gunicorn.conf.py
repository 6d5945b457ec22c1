"""What gunicorn reads where it is started in this folder; the command line goes before it."""

# A query of 1,000 characters may take 12,000 bytes of an address. What is longer BodyLimitMiddleware refuses.
limit_request_line = 0
control_socket_disable = True
