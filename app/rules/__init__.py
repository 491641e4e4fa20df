"""Rules decide: pure functions over plain values, without clock, database or randomness."""
