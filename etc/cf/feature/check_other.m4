divert(-1)
dnl check_other(pattern): ends a session whose client sends a command that matches a regular expression, which is that of
dnl header lines unless one is given.
divert(_AT_HEAD_)dnl
Kother_commands regex -m -a<MATCH> ifelse(defn(`_ARG_'), `', `^[[:print:]]+ *:', `_ARG_')
divert(9)dnl

`#' check_other: command $| first digit of its reply -> the end of the session where an unknown one looks like a header
Scheck_other
R$+ $| 5	$: $(other_commands $1 $)
R$* <MATCH>	$#error $@ 4.7.0 $: 421 bad command
