"""One turn of an AI member: context, model and tools, words."""
