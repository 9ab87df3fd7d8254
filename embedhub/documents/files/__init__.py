"""Files: originals kept in a storage, read into documents by a run, given back as they came."""
