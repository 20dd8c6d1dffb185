"""Several worker processes on one host: a supervisor that starts them, keeps them alive and steers them together."""
