"""The seeded company that the demo plays, and the files that a team like it would import."""
