"""Conversations: questions that follow on each other, kept for a time."""
