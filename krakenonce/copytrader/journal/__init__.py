"""The copy trader's truth: fills, decisions, lines, orders and standings, in SQLite or PostgreSQL."""
