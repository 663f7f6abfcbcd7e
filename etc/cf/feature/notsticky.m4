divert(-1)
# notsticky: is the default; it is here for old files.

