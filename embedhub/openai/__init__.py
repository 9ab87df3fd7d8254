"""OpenAI's protocol over collections and encoders, so that what speaks it works with EmbedHub."""
