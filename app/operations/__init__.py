"""The writers: each changes something, tells it, and leaves later work as jobs. They flush, never commit."""
