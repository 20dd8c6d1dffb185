"""The engine of the copy trader: fills come in, every follower's orders go out, and each is followed to its end."""
