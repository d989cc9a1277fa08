"""The examples and tables of the documentation, held against the program."""
