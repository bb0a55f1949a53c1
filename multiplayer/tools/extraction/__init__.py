"""What a file is by its content, and what can be read out of it in a process that may do nothing else."""
