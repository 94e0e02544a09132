"""A sandbox with a believable past: what `seed_demo` fills a new installation with."""
