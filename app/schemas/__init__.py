"""What travels over the API: bodies named by the act, and what is read back."""
