divert(-1)
dnl solaris8: Solaris 8 to 10; mail.local speaks LMTP.

define(`confEBINDIR', `/usr/lib')
_DEFIFNOT(`UUCP_MAILER_ARGS', `uux - -r -a$g $h!rmail ($u)')
define(`confPID_FILE', `/var/run/sendmail.pid')
FEATURE(`local_lmtp', `/usr/lib/mail.local')
dnl A socket of IPv6 hears nothing of IPv4: one port for each.
_ENABLE(`_BOTH_FAMILIES_')
