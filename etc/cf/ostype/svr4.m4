divert(-1)
dnl svr4: UNIX System V release 4.

define(`confEBINDIR', `/usr/ucblib')
define(`LOCAL_MAILER_PATH', `/usr/ucblib/binmail')
define(`LOCAL_SHELL_FLAGS', `ehuP')
define(`UUCP_MAILER_ARGS', `uux - -r -a$g -gmedium $h!rmail ($u)')
