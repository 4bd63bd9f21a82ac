"""What a surface declares about features, and what it is compiled to: columns, a layout, a program."""
