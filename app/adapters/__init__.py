"""The outside world: each adapter turns it into plain values and back, and knows no database."""
