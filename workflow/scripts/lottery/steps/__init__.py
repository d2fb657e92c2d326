"""One function per rule of the workflow: files in, files out."""
