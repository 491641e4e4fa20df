"""The readers: columns, scoped to what the actor may see."""
