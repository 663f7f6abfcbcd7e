divert(-1)
dnl smrsh(path): runs the programs of aliases and .forward files by smrsh, which allows only those that the postmaster
dnl chose.
define(`LOCAL_SHELL_PATH', ifelse(defn(`_ARG_'), `', `_BIN_DIR_`'/smrsh', `_ARG_'))
define(`LOCAL_SHELL_ARGS', `smrsh -c $u')
