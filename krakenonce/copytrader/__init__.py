"""Copies the masters' fills to every user's account: each fill exactly once, and each user on his own."""
