//! Many Notebooks: every collision among them is found, and output and memory grow as the input does.
