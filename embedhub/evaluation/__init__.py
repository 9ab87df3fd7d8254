"""Judged questions and the measures of search quality."""
