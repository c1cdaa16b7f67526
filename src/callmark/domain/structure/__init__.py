"""Where a business's numbers belong: departments, calling operations, processes, sub-processes, feature sets."""
