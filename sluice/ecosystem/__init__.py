"""How healthy a surface's content is: who and what is seen, how new, how varied, and what people have of it."""
