divert(-1)
dnl prefixmod(prefix, flags): takes a prefix off the user part of a recipient, prefix+user or prefix.user, and gives the
dnl macro {rcpt_flags} these flags.
ifelse(defn(`_ARG_'), `', `_COMPLAIN(`prefixmod needs a prefix')')
ifelse(defn(`_ARG2_'), `', `_COMPLAIN(`prefixmod needs flags behind the prefix')')
define(`_PREFIX_', defn(`_ARG_'))
define(`_PREFIX_FLAGS_', defn(`_ARG2_'))
