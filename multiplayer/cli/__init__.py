"""The command line. What is imported here and at the top of its files is light; server code is imported in commands."""
