"""Files that were uploaded and wait to be used: previewed, changed in what they mean, then taken or given up."""
