divert(-1)
dnl MAILER(local): delivery on this host: the mailers local and prog.
_DEFIFNOT(`LOCAL_MAILER_PATH', `/bin/mail')
_DEFIFNOT(`LOCAL_MAILER_FLAGS', `Prmn9')
_DEFIFNOT(`LOCAL_MAILER_ARGS', `mail -d $u')
_DEFIFNOT(`LOCAL_MAILER_DSN_DIAGNOSTIC_CODE', `X-Unix')
_DEFIFNOT(`LOCAL_SHELL_PATH', `/bin/sh')
_DEFIFNOT(`LOCAL_SHELL_FLAGS', `eu9')
_DEFIFNOT(`LOCAL_SHELL_ARGS', `sh -c $u')
_DEFIFNOT(`LOCAL_SHELL_DIR', `$z:/')
define(`_LOCAL_LINES_', `Mlocal, P=LOCAL_MAILER_PATH, F=_FLAGS(`LOCAL', ifdef(`_NO_ALIASES_', `lsDFM5q', `lsDFMAw5:/|@q')`'LOCAL_MAILER_FLAGS), S=ifdef(`_LOCAL_LMTP_', `EnvFromSMTP', `EnvFromL')/HdrFromL, R=EnvToL/HdrToL,dnl
ifdef(`LOCAL_MAILER_MAX', ` M=LOCAL_MAILER_MAX,')dnl
ifdef(`LOCAL_MAILER_MAXMSGS', ` m=LOCAL_MAILER_MAXMSGS,')dnl
ifdef(`LOCAL_MAILER_MAXRCPTS', ` r=LOCAL_MAILER_MAXRCPTS,')dnl
ifdef(`LOCAL_MAILER_CHARSET', ` C=LOCAL_MAILER_CHARSET,')dnl
ifdef(`LOCAL_MAILER_EOL', ` E=LOCAL_MAILER_EOL,')dnl
ifdef(`LOCAL_MAILER_QGRP', ` Q=LOCAL_MAILER_QGRP,')
	T=DNS/RFC822/LOCAL_MAILER_DSN_DIAGNOSTIC_CODE, A=LOCAL_MAILER_ARGS
Mprog, P=LOCAL_SHELL_PATH, F=_FLAGS(`SHELL', `lsDFMoq'LOCAL_SHELL_FLAGS), S=EnvFromL/HdrFromL, R=EnvToL/HdrToL, D=LOCAL_SHELL_DIR,dnl
ifdef(`LOCAL_MAILER_MAX', ` M=LOCAL_MAILER_MAX,')dnl
ifdef(`LOCAL_PROG_QGRP', ` Q=LOCAL_PROG_QGRP,')
	T=X-Unix/X-Unix/X-Unix, A=LOCAL_SHELL_ARGS
')
dnl where all mail is delivered elsewhere, the two speak SMTP
define(`_MSP_LINES_', `Mlocal, P=[IPC], F=_FLAGS(`LOCAL', `lmDFMuXkw5'), S=EnvFromL/HdrFromL, R=EnvToL/HdrToL,
	T=DNS/RFC822/SMTP, A=TCP $h
Mprog, P=[IPC], F=_FLAGS(`SHELL', `lmDFMuXk5'), S=EnvFromL/HdrFromL, R=EnvToL/HdrToL, D=$z:/,
	T=X-Unix/X-Unix/X-Unix, A=TCP $h
')
divert(7)dnl
ifdef(`_MSP_', `_MSP_LINES_`'', `_LOCAL_LINES_`'')dnl
divert(_AT_MAILER_RULES_)dnl

`#' EnvFromL: the sender of an envelope for delivery here
SEnvFromL=10
R$*	$: $>NotNobody $1
R$*	$@ ifdef(`_LOCAL_NO_MASQUERADE_', `$>OwnName', `$>MasqEnv') $>AddDomain $1

`#' EnvToL: the recipient: a mailbox has no domain
SEnvToL=20
R$+ < @ $*	$: $1

`#' HdrFromL: a sender in the header
SHdrFromL=30
R$*	$: $>NotNobody $1
R$*	$@ ifdef(`_LOCAL_NO_MASQUERADE_', `$>OwnName', `$>MasqHdr') $>AddDomain $1

`#' HdrToL: a recipient in the header
SHdrToL=40
R$*	$@ ifelse(ifdef(`_ALL_MASQUERADE_', `1')`'ifdef(`_LOCAL_NO_MASQUERADE_', `0'), `1', `$>MasqHdr', `$>OwnName') $>AddDomain $1

`#' NotNobody: a sender that is nobody -> the daemon, from whom bounces come
SNotNobody
R< @ >	$: $n
R@ < @ $*	$: $n
