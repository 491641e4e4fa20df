"""Work that runs later: load, act, record."""
