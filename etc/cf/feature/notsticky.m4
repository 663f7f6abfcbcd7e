divert(-1)
dnl notsticky: is the default; it is here for old files.

