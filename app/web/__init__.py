"""The pages: HTML rendered on the server, from the same operations and queries as the API."""
