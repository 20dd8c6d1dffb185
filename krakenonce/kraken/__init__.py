"""What Kraken's API says, without any I/O."""
