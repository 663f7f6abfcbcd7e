divert(-1)
dnl generic: what most sites want: names of this host from a file, .forward files for one host or one address, a limit for headers,
dnl answers for users who have moved, and the name of this host in what root writes.

define(`confFORWARD_PATH', `$z/.forward.$w+$h:$z/.forward+$h:$z/.forward.$w:$z/.forward')
define(`confMAX_HEADERS_LENGTH', `32768')
FEATURE(`redirect')
FEATURE(`use_cw_file')
EXPOSED_USER(`root')
