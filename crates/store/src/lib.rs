//! What is remembered: pairing, tokens, audit in one SQLite file, the files that people edit, and the import of older state.
