divert(-1)
dnl solaris11: Solaris 11; mail.local speaks LMTP.

define(`confEBINDIR', `/usr/lib')
_DEFIFNOT(`UUCP_MAILER_ARGS', `uux - -r -a$g $h!rmail ($u)')
define(`confPID_FILE', `/system/volatile/sendmail.pid')
FEATURE(`local_lmtp', `/usr/lib/mail.local')
dnl A socket of IPv6 hears nothing of IPv4: one port for each.
_ENABLE(`_BOTH_FAMILIES_')
