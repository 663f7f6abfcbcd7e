use super::*;

/// Scans with the operators of the stock files.
fn scan_stock(text: &[u8], options: ScanOptions) -> Scanned {
    scan(text, &ScanRules::new(b".:%@!^/[]+", b'.'), options)
}

#[track_caller]
fn check(text: &str, shown: &str) {
    let scanned = scan_stock(text.as_bytes(), ScanOptions::TYPED);
    assert_eq!(scanned.errors, []);
    assert_eq!(scanned.tokens.expect("within the limits").to_string(), shown);
}

#[track_caller]
fn check_real(text: &str, shown: &str, errors: &[ScanError]) {
    let options = ScanOptions { delimiter: Some(b','), ..ScanOptions::ADDRESS };
    let scanned = scan_stock(text.as_bytes(), options);
    assert_eq!(scanned.errors, errors);
    assert_eq!(scanned.tokens.expect("within the limits").to_string(), shown);
}

#[test]
fn operators_are_tokens_and_spaces_part_atoms() {
    check("", "");
    check("a . b", "a . b");
    check("a.b@c", "a . b @ c");
    check("a\tb\u{b}c", "a b c");
    check("a=|$&#*~'-_?{}b", "a=|$&#*~'-_?{}b");
    check("a (c) b", "a ( c ) b");
    check("\"a\\\"b\"", "\"a\\\"b\"");
}

#[test]
fn quotes_are_tokens_with_their_quotes() {
    check(r#"a"b"c"#, r#"a "b" c"#);
    check(r#""a@b \" c"d"#, r#""a@b \" c" d"#);
}

#[test]
fn a_backslash_stays_and_protects() {
    check(r"a\@b@c", r"a\@b @ c");
    check(r"a\", "a");
    check(r"\ a", r"\ a");
    check(r"a\!b", "a ! b");
}

#[test]
fn comments_are_stripped_from_real_addresses() {
    check_real("a (b (c) d) e", "a e", &[]);
    check_real("a(b)c", "a c", &[]);
    check_real("a (b", "a", &[ScanError::CommentOpen]);
    check_real("a )b", "a b", &[ScanError::CommentClose]);
}

#[test]
fn what_is_unbalanced_is_completed() {
    check_real("<a", "< a >", &[ScanError::AngleOpen]);
    check_real("a>", "a", &[ScanError::AngleClose]);
    check_real("\"a", "\"a\"", &[ScanError::Quote]);
    check_real("\"a\\", "\"a\\\"\"", &[ScanError::Quote, ScanError::Quote]);
    check_real("<a<b>", "< a < b > >", &[ScanError::AngleOpen]);
    check_real("<a,b>", "< a >", &[ScanError::AngleOpen]);
    check_real("<@a,@b:c@d>", "< @ a , @ b : c @ d >", &[]);
    check_real("<\x0b @a,b>", "< @ a , b >", &[]);
}

#[test]
fn the_end_is_at_the_delimiter() {
    let options = ScanOptions { delimiter: Some(b','), ..ScanOptions::TYPED };
    assert_eq!(scan_stock(b"ab, c", options).end, 2);
    assert_eq!(scan_stock(b"\"a,b\"", options).end, 5);
}

#[test]
fn too_much_gives_no_tokens() {
    assert_eq!(scan_stock(&[b'a'; 257], ScanOptions::TYPED).errors, [ScanError::TokenTooLong]);
    assert!(scan_stock(&b"a.".repeat(2000), ScanOptions::TYPED).tokens.is_none());
    assert_eq!(scan_stock(&[b'a'; 1251], ScanOptions::TYPED).errors, [ScanError::TooLong]);
    assert_eq!(scan_stock(&b"a ".repeat(625), ScanOptions::TYPED).errors, []);
    assert_eq!(scan_stock(&b"a ".repeat(626), ScanOptions::TYPED).errors, [ScanError::TooLong]);
    assert_eq!(scan_stock(&b"a ".repeat(1000), ScanOptions::RULE).errors, []);
    assert_eq!(scan_stock(&b"a ".repeat(1001), ScanOptions::RULE).errors, [ScanError::TooManyTokens]);
    // What is supplied is told before it proves too much.
    let options = ScanOptions { delimiter: Some(b','), ..ScanOptions::ADDRESS };
    let errors = scan_stock(&b"<a".repeat(311), options).errors;
    assert_eq!(errors, [ScanError::AngleOpen; 5].into_iter().chain([ScanError::TooLong]).collect::<Vec<_>>());
}

#[test]
fn a_tab_ends_a_side_of_a_rule_unless_an_angle_bracket_is_open() {
    let options = ScanOptions { delimiter: Some(b'\t'), ..ScanOptions::RULE };
    let side = |text: &[u8]| scan_stock(text, options).tokens.expect("within the limits").to_string();
    assert_eq!(side(b"a\tb"), "a");
    assert_eq!(side(b"><a\tb>c\td"), "> < a b > c");
}

#[test]
fn internal_text_has_marks() {
    let scanned = scan_stock(b"\x90<>\x93{Long}\x82x\x951\xff\x81", ScanOptions::RULE);
    let tokens = scanned.tokens.expect("short");
    assert_eq!(tokens.to_string(), "$* < > $={Long} $&x $1 $");
    assert!(tokens.last().expect("six").is_atom());
    // In rules with comments, a parenthesis that closes none parts tokens, too.
    let rules = ScanRules { has_comments: true, ..ScanRules::default() };
    let scanned = scan(b"a)r (x)b)c \x93)d \x93(e)f", &rules, ScanOptions::RULE);
    assert_eq!(scanned.tokens.expect("short").to_string(), "a r b c $=) d $=) f");
    // Brackets count also where they are names.
    let scanned = scan_stock(b"\x93<a\x94 b", ScanOptions::VALUE);
    assert_eq!(scanned.tokens.expect("short").to_string(), "$=< a $~  b >");
    assert_eq!(scanned.errors, [ScanError::AngleOpen]);
}

#[test]
fn codes_in_the_argument_of_a_check_are_data() {
    let scanned = scan_stock(b"a\x93b \xff\"\x99\"", Comments::Strip.of_argument());
    let tokens = scanned.tokens.expect("short");
    let texts: Vec<_> = tokens.iter().filter_map(Token::text).map(|(_, text)| text).collect();
    assert_eq!(texts, [b"a".as_slice(), b"\x7f\x93", b"b", b"\x7f\x7f", b"\"\x7f\x99\""]);
}

#[test]
fn a_token_joins_as_its_first_byte_says() {
    let rules = ScanRules::new(b".@", b' ');
    let check = |text: &str, kind| assert_eq!(rules.token(text.as_bytes()).text().map(|(kind, _)| kind), Some(kind));
    check("a@b", Kind::Atom);
    check("@", Kind::Operator);
    check("<a", Kind::Operator);
    check(" a", Kind::Operator);
    check("\"a", Kind::Quoted);
}
