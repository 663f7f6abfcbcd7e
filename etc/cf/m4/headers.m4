divert(-1)
dnl Precedence of mail, and the headers that are added where they are missing.
divert(0)dnl

`#' ---- precedence, headers ----
Pfirst-class=0
Pspecial-delivery=100
Plist=-30
Pbulk=-60
Pjunk=-100
H?P?Return-Path: <$g>
HReceived: confRECEIVED_HEADER
H?D?Resent-Date: $a
H?D?Date: $a
H?F?Resent-From: ifdef(`confFROM_HEADER', `confFROM_HEADER', `$?x$x <$g>$|$g$.')
H?F?From: ifdef(`confFROM_HEADER', `confFROM_HEADER', `$?x$x <$g>$|$g$.')
H?x?Full-Name: $x
H?M?Resent-Message-Id: ifdef(`confMESSAGEID_HEADER', `confMESSAGEID_HEADER', `<$t.$i@$j>')
H?M?Message-Id: ifdef(`confMESSAGEID_HEADER', `confMESSAGEID_HEADER', `<$t.$i@$j>')
undivert(_AT_HEADERS_)dnl
