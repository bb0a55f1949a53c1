"""Who is asking: tokens, passwords, links and tickets become an `Identity`, or are refused."""
