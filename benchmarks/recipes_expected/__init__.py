"""The recipes by kind, each a row of the tables of recipes/README.md."""
