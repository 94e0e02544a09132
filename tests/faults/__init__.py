"""What is broken on purpose, in real processes: killed, cut off, out of reach."""
