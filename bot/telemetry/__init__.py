"""What the daemon tells of itself, and the forms in which it is told. These rooms never decide about money."""
