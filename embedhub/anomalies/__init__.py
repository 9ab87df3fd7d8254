"""Anomalies: rows that stand out, why they do, and what people decided about them."""
