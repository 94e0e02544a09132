"""Races: many threads, real transactions, and books that must be right afterwards."""
