divert(-1)
dnl unknown: no system at all; a file that says so is not finished.

_COMPLAIN(`OSTYPE(unknown) has no paths: name your system, for instance OSTYPE(freebsd6) or OSTYPE(linux)')
