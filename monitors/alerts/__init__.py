"""What is wrong with a surface, since when and what to do about it, told to who asked for it."""
