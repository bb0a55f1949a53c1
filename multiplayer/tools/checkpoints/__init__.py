"""What a workspace was: checkpoints, exact undo, and packing what rests."""
