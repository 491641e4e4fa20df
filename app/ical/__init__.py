"""Writes and reads calendars (RFC 5545, 5546, 6047, 7986): bytes in, bytes out, pure."""
