"""Turn HTTP into operations and queries, and back."""
