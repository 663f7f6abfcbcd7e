//! `format`: the conversions of C's printf.

use bstr::ByteSlice;

use super::input::shown;
use super::machine::{Call, Machine};

/// The widest field and the longest precision, in bytes.
const WIDTH_MAX: usize = 65_535;

/// What stands between `%` and the conversion.
#[derive(Clone, Copy, Debug, Default)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    zero: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    /// How many bits of an integer count.
    bits: u32,
}

/// Hands out the arguments one by one.
struct Arguments<'a, 'm, 'h> {
    machine: &'m mut Machine<'h>,
    call: &'a Call,
    next: usize,
}

impl<'a> Arguments<'a, '_, '_> {
    fn text(&mut self) -> &'a [u8] {
        self.next += 1;
        self.call.text(self.next - 1)
    }

    /// Returns the next argument as a number; what follows the digits is left out with a complaint.
    fn integer(&mut self) -> i64 {
        let text = self.text();
        let length = number_length(text, false);
        self.check(text, length);
        text[..length].to_str().ok().and_then(|digits| digits.trim_start_matches('+').parse().ok()).unwrap_or(0)
    }

    fn float(&mut self) -> f64 {
        let text = self.text();
        let length = number_length(text, true);
        self.check(text, length);
        text[..length].to_str().ok().and_then(|digits| digits.parse().ok()).unwrap_or(0.0)
    }

    fn check(&mut self, text: &[u8], length: usize) {
        if length < text.len() {
            self.machine.complain(&format!("`{}`: {:?} is no number", self.call.name, shown(text)));
        }
    }
}

/// Returns how many bytes of `text` a number has, at its front.
fn number_length(text: &[u8], is_float: bool) -> usize {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let mut end = sign + digits(sign);
    if is_float && text.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if is_float && matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let count = digits((end + 1 + sign).min(text.len()));
        end += if count > 0 { 1 + sign + count } else { 0 };
    }
    if end == sign { 0 } else { end }
}

/// Returns what a call of `format` makes.
pub(super) fn format(machine: &mut Machine<'_>, call: &Call) -> Vec<u8> {
    let mut arguments = Arguments { machine, call, next: 1 };
    let mut out = Vec::new();
    let mut rest = call.text(0);
    while let Some(at) = rest.find_byte(b'%') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(b'%') = rest.first() {
            out.push(b'%');
            rest = &rest[1..];
            continue;
        }
        let spec = read_spec(&mut rest, &mut arguments);
        let conversion = rest.first().copied();
        rest = rest.get(1..).unwrap_or_default();
        match conversion {
            Some(conversion) if convert(spec, conversion, &mut arguments, &mut out) => {}
            _ => {
                arguments.machine.warn(&format!("`{}`: an unknown conversion in {:?}", call.name, shown(call.text(0))))
            }
        }
    }
    out.extend_from_slice(rest);
    if arguments.next < call.arguments.len() {
        arguments.machine.warn(&format!("`{}`: arguments are left over", call.name));
    }
    out
}

fn read_spec(rest: &mut &[u8], arguments: &mut Arguments<'_, '_, '_>) -> Spec {
    let mut spec = Spec { bits: 32, ..Spec::default() };
    while let [flag @ (b'-' | b'+' | b' ' | b'0' | b'#' | b'\''), after @ ..] = *rest {
        match flag {
            b'-' => spec.left = true,
            b'+' => spec.plus = true,
            b' ' => spec.space = true,
            b'0' => spec.zero = true,
            b'#' => spec.alternate = true,
            _ => {}
        }
        *rest = after;
    }
    let width = read_count(rest, arguments);
    spec.left |= width < 0;
    spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(WIDTH_MAX).min(WIDTH_MAX);
    if let [b'.', after @ ..] = *rest {
        *rest = after;
        spec.precision = usize::try_from(read_count(rest, arguments)).ok().map(|count| count.min(WIDTH_MAX));
    }
    while let [size @ (b'h' | b'l'), after @ ..] = *rest {
        spec.bits = match (size, spec.bits) {
            (b'h', 32) => 16,
            (b'h', _) => 8,
            _ => 64,
        };
        *rest = after;
    }
    spec
}

/// Reads a width or precision: digits, or `*` for the next argument.
fn read_count(rest: &mut &[u8], arguments: &mut Arguments<'_, '_, '_>) -> i64 {
    if let [b'*', after @ ..] = *rest {
        *rest = after;
        return arguments.integer();
    }
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, after) = rest.split_at(length);
    *rest = after;
    digits.iter().fold(0_i64, |count, digit| count.saturating_mul(10).saturating_add(i64::from(digit - b'0')))
}

/// Appends one argument; tells whether there is such a conversion.
fn convert(spec: Spec, conversion: u8, arguments: &mut Arguments<'_, '_, '_>, out: &mut Vec<u8>) -> bool {
    match conversion {
        b's' => {
            let text = arguments.text();
            let text = &text[..spec.precision.unwrap_or(usize::MAX).min(text.len())];
            pad(Spec { zero: false, ..spec }, b"", text, out);
        }
        b'c' => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "C keeps the lower bits")]
            let byte = arguments.integer() as u8;
            pad(Spec { zero: false, ..spec }, b"", &[byte], out);
        }
        b'd' | b'i' => {
            let shift = 64 - spec.bits;
            let value = arguments.integer() << shift >> shift;
            let digits = whole(spec, &value.unsigned_abs().to_string());
            pad(whole_spec(spec), sign(spec, value < 0), digits.as_bytes(), out);
        }
        b'u' | b'o' | b'x' | b'X' => {
            let value = arguments.integer().cast_unsigned() & (u64::MAX >> (64 - spec.bits));
            let (digits, prefix) = match conversion {
                b'u' => (value.to_string(), ""),
                b'o' => (format!("{}{value:o}", if spec.alternate && value != 0 { "0" } else { "" }), ""),
                b'x' => (format!("{value:x}"), "0x"),
                _ => (format!("{value:X}"), "0X"),
            };
            let prefix = if spec.alternate && value != 0 { prefix } else { "" };
            pad(whole_spec(spec), prefix.as_bytes(), whole(spec, &digits).as_bytes(), out);
        }
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' => {
            let value = arguments.float();
            let text = float(spec, conversion.to_ascii_lowercase(), value.abs());
            let text = if conversion.is_ascii_uppercase() { text.to_uppercase() } else { text };
            let mut front = sign(spec, value.is_sign_negative()).to_vec();
            let digits = match conversion {
                b'a' | b'A' if value.is_finite() => {
                    front.extend_from_slice(&text.as_bytes()[..2]);
                    &text[2..]
                }
                _ => &text[..],
            };
            pad(Spec { zero: spec.zero && value.is_finite(), ..spec }, &front, digits.as_bytes(), out);
        }
        _ => return false,
    }
    true
}

fn sign(spec: Spec, is_negative: bool) -> &'static [u8] {
    match (is_negative, spec.plus, spec.space) {
        (true, ..) => b"-",
        (_, true, _) => b"+",
        (_, _, true) => b" ",
        _ => b"",
    }
}

/// Returns an integer's digits with zeros up to the precision; none for a zero with precision 0.
fn whole(spec: Spec, digits: &str) -> String {
    match spec.precision {
        Some(0) if digits == "0" => String::new(),
        Some(precision) => format!("{digits:0>precision$}"),
        None => digits.to_owned(),
    }
}

/// A precision takes the place of the flag `0`.
fn whole_spec(spec: Spec) -> Spec {
    Spec { zero: spec.zero && spec.precision.is_none(), ..spec }
}

/// Appends a field of the wanted width.
fn pad(spec: Spec, front: &[u8], text: &[u8], out: &mut Vec<u8>) {
    let missing = spec.width.saturating_sub(front.len() + text.len());
    let fill = |out: &mut Vec<u8>, byte: u8| out.resize(out.len() + missing, byte);
    if !spec.left && !spec.zero {
        fill(out, b' ');
    }
    out.extend_from_slice(front);
    if !spec.left && spec.zero {
        fill(out, b'0');
    }
    out.extend_from_slice(text);
    if spec.left {
        fill(out, b' ');
    }
}

/// Writes a number that is not negative.
fn float(spec: Spec, conversion: u8, value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "nan" } else { "inf" }.to_owned();
    }
    let precision = spec.precision.unwrap_or(6);
    match conversion {
        b'f' => with_point(format!("{value:.precision$}"), spec),
        b'e' => exponential(value, precision, spec),
        b'g' => general(value, precision.max(1), spec),
        _ => hexadecimal(value, spec),
    }
}

/// The flag `#` keeps the point.
fn with_point(text: String, spec: Spec) -> String {
    if spec.alternate && !text.contains('.') { text + "." } else { text }
}

fn exponential(value: f64, precision: usize, spec: Spec) -> String {
    let text = format!("{value:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", with_point(digits.to_owned(), spec), exponent.unsigned_abs())
}

fn general(value: f64, precision: usize, spec: Spec) -> String {
    let text = format!("{value:.0$e}", precision - 1);
    let exponent: i64 = text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let decimals = i64::try_from(precision).unwrap_or(i64::MAX) - 1 - exponent;
    let text = match usize::try_from(decimals) {
        Ok(decimals) if exponent >= -4 => with_point(format!("{value:.decimals$}"), spec),
        _ => exponential(value, precision - 1, spec),
    };
    if spec.alternate {
        return text;
    }
    let (digits, exponent) = text.split_at(text.find('e').unwrap_or(text.len()));
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits}{exponent}")
}

fn hexadecimal(value: f64, spec: Spec) -> String {
    const FRACTION_BITS: u32 = 52;
    const FRACTION: u64 = (1 << FRACTION_BITS) - 1;
    let bits = value.to_bits();
    let biased = i64::try_from(bits >> FRACTION_BITS).unwrap_or(0);
    let (mut mantissa, exponent) = match biased {
        0 if bits == 0 => (0, 0),
        0 => (bits & FRACTION, -1022),
        _ => ((bits & FRACTION) | (1 << FRACTION_BITS), biased - 1023),
    };
    let digits = match spec.precision {
        Some(precision) if precision < 13 => {
            let dropped = FRACTION_BITS - 4 * u32::try_from(precision).unwrap_or(0);
            let half = 1_u64 << (dropped - 1);
            let below = mantissa & ((1 << dropped) - 1);
            mantissa >>= dropped;
            mantissa += u64::from(below > half || below == half && mantissa & 1 == 1);
            mantissa <<= dropped;
            format!("{:013x}", mantissa & FRACTION)[..precision].to_owned()
        }
        Some(precision) => format!("{:0<precision$}", format!("{:013x}", mantissa & FRACTION)),
        None => format!("{:013x}", mantissa & FRACTION).trim_end_matches('0').to_owned(),
    };
    let point = if digits.is_empty() && !spec.alternate { "" } else { "." };
    format!("0x{}{point}{digits}p{exponent:+}", mantissa >> FRACTION_BITS)
}
