"""Undertone's steps as ZenML steps: each calls the `undertone` program once."""
