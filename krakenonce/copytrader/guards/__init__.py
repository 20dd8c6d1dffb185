"""What keeps an entry from being made, or cuts it: small pure functions, each with its reason in plain words."""
