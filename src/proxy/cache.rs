//! Remembered answers, bounded in number and bytes, under keyed hashes.
