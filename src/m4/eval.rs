//! `eval`: arithmetic of 32 bits, with two stacks instead of nested functions.

use crate::name::TrimSpace as _;
use thiserror::Error;

/// The widest result, in digits.
pub(super) const WIDTH_MAX: usize = 65_535;

/// Why an expression has no value.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum EvalError {
    #[error("an operand is missing")]
    NoOperand,
    #[error("an operator is missing between two operands")]
    NoOperator,
    #[error("the parentheses do not match")]
    Parentheses,
    #[error("{:?} is no operator and no number", char::from(*.0))]
    Unknown(u8),
    #[error("{:?} would assign", char::from(*.0))]
    Assignment(u8),
    #[error("a radix must be from 1 to 36")]
    Radix,
    #[error("division by zero")]
    DivisionByZero,
    #[error("the exponent is negative")]
    NegativeExponent,
}

/// An operator with one operand.
#[derive(Clone, Copy, Debug)]
enum Unary {
    Plus,
    Minus,
    Not,
    Complement,
}

/// An operator with two operands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Binary {
    LogicalOr,
    LogicalAnd,
    Or,
    Xor,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

/// The spelling of each operator, longer ones first, with how strongly it binds.
const BINARIES: &[(&[u8], Binary, u8)] = &[
    (b"||", Binary::LogicalOr, 1),
    (b"&&", Binary::LogicalAnd, 2),
    (b"==", Binary::Equal, 6),
    (b"!=", Binary::NotEqual, 6),
    (b"<<", Binary::ShiftLeft, 8),
    (b">>", Binary::ShiftRight, 8),
    (b"<=", Binary::LessEqual, 7),
    (b">=", Binary::GreaterEqual, 7),
    (b"**", Binary::Power, 11),
    (b"|", Binary::Or, 3),
    (b"^", Binary::Xor, 4),
    (b"&", Binary::And, 5),
    (b"=", Binary::Equal, 6),
    (b"<", Binary::Less, 7),
    (b">", Binary::Greater, 7),
    (b"+", Binary::Add, 9),
    (b"-", Binary::Subtract, 9),
    (b"*", Binary::Multiply, 10),
    (b"/", Binary::Divide, 10),
    (b"%", Binary::Modulo, 10),
];

/// Spellings of C that assign: no operators here.
const ASSIGNMENTS: &[&[u8]] = &[b"++", b"--", b"+=", b"-=", b"*=", b"/=", b"%=", b"&=", b"|=", b"^=", b"<<=", b">>="];

/// What waits for its right operand.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    Parenthesis,
    Unary(Unary),
    Binary(Binary, u8),
}

/// A value, or why there is none: an error on the side of `||` and `&&` that does not count is none.
type Value = Result<i32, EvalError>;

/// Computes an expression.
pub(super) fn eval(text: &[u8]) -> Value {
    let mut waiting: Vec<Waiting> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut rest = text;
    let mut expects_operand = true;
    loop {
        rest = rest.trim_space_start();
        let Some(&byte) = rest.first() else { break };
        if ASSIGNMENTS.iter().any(|spelling| rest.starts_with(spelling)) {
            return Err(EvalError::Assignment(byte));
        }
        match (byte, expects_operand) {
            (b'(', true) => waiting.push(Waiting::Parenthesis),
            (b'+', true) => waiting.push(Waiting::Unary(Unary::Plus)),
            (b'-', true) => waiting.push(Waiting::Unary(Unary::Minus)),
            (b'!', true) => waiting.push(Waiting::Unary(Unary::Not)),
            (b'~', true) => waiting.push(Waiting::Unary(Unary::Complement)),
            (b'0'..=b'9', true) => {
                let (value, after) = number(rest)?;
                values.push(Ok(value));
                rest = after;
                expects_operand = false;
                continue;
            }
            (b')', false) => {
                reduce(&mut waiting, &mut values, 0);
                let Some(Waiting::Parenthesis) = waiting.pop() else { return Err(EvalError::Parentheses) };
            }
            (b'0'..=b'9' | b'(', false) => return Err(EvalError::NoOperator),
            (_, true) => return Err(EvalError::NoOperand),
            (_, false) => {
                let found = BINARIES.iter().find(|(spelling, ..)| rest.starts_with(spelling));
                let Some((spelling, operator, strength)) = found else { return Err(EvalError::Unknown(byte)) };
                // Powers bind from the right.
                reduce(&mut waiting, &mut values, strength + u8::from(*operator == Binary::Power));
                waiting.push(Waiting::Binary(*operator, *strength));
                rest = &rest[spelling.len()..];
                expects_operand = true;
                continue;
            }
        }
        rest = &rest[1..];
    }
    if expects_operand {
        return Err(EvalError::NoOperand);
    }
    reduce(&mut waiting, &mut values, 0);
    if !waiting.is_empty() {
        return Err(EvalError::Parentheses);
    }
    values.pop().unwrap_or(Err(EvalError::NoOperand))
}

/// Performs what binds at least as strongly as `strength`, back to the last open parenthesis.
fn reduce(waiting: &mut Vec<Waiting>, values: &mut Vec<Value>, strength: u8) {
    loop {
        match waiting.last() {
            Some(Waiting::Unary(operator)) => {
                let operator = *operator;
                if let Some(value) = values.last_mut() {
                    *value = value.map(|value| unary(operator, value));
                }
            }
            Some(Waiting::Binary(operator, own)) if *own >= strength => {
                let operator = *operator;
                let right = values.pop().unwrap_or(Err(EvalError::NoOperand));
                if let Some(left) = values.last_mut() {
                    *left = binary(operator, *left, right);
                }
            }
            _ => return,
        }
        waiting.pop();
    }
}

fn unary(operator: Unary, value: i32) -> i32 {
    match operator {
        Unary::Plus => value,
        Unary::Minus => value.wrapping_neg(),
        Unary::Not => i32::from(value == 0),
        Unary::Complement => !value,
    }
}

fn binary(operator: Binary, left: Value, right: Value) -> Value {
    let left = left?;
    match operator {
        Binary::LogicalOr if left != 0 => return Ok(1),
        Binary::LogicalAnd if left == 0 => return Ok(0),
        _ => {}
    }
    let right = right?;
    #[expect(clippy::cast_sign_loss, reason = "a shift counts modulo 32, as on the machines of the original")]
    Ok(match operator {
        Binary::LogicalOr | Binary::LogicalAnd => i32::from(right != 0),
        Binary::Or => left | right,
        Binary::Xor => left ^ right,
        Binary::And => left & right,
        Binary::Equal => i32::from(left == right),
        Binary::NotEqual => i32::from(left != right),
        Binary::Less => i32::from(left < right),
        Binary::LessEqual => i32::from(left <= right),
        Binary::Greater => i32::from(left > right),
        Binary::GreaterEqual => i32::from(left >= right),
        Binary::ShiftLeft => left.wrapping_shl(right as u32),
        Binary::ShiftRight => left.wrapping_shr(right as u32),
        Binary::Add => left.wrapping_add(right),
        Binary::Subtract => left.wrapping_sub(right),
        Binary::Multiply => left.wrapping_mul(right),
        Binary::Divide | Binary::Modulo if right == 0 => return Err(EvalError::DivisionByZero),
        Binary::Divide => left.wrapping_div(right),
        Binary::Modulo => left.wrapping_rem(right),
        Binary::Power => power(left, right)?,
    })
}

fn power(base: i32, exponent: i32) -> Value {
    match u32::try_from(exponent) {
        Err(_) => Err(EvalError::NegativeExponent),
        Ok(0) if base == 0 => Err(EvalError::DivisionByZero),
        Ok(exponent) => Ok(base.wrapping_pow(exponent)),
    }
}

/// Reads a number: decimal, `0` octal, `0x` hexadecimal, `0b` binary, `0rRADIX:DIGITS`.
fn number(text: &[u8]) -> Result<(i32, &[u8]), EvalError> {
    let (radix, digits) = match text {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        [b'0', b'r' | b'R', rest @ ..] => {
            let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let radix = rest[..length]
                .iter()
                .fold(0_u32, |radix, digit| radix.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
            match rest.get(length) {
                Some(b':') if (1..=36).contains(&radix) => (radix, &rest[length + 1..]),
                _ => return Err(EvalError::Radix),
            }
        }
        [b'0', ..] => (8, text),
        _ => (10, text),
    };
    let mut value = 0_u32;
    let mut used = 0;
    for byte in digits {
        let digit = match (char::from(*byte).to_digit(36), radix) {
            // In radix 1 the ones are counted.
            (Some(digit @ 0..=1), 1) => digit,
            (Some(digit), _) if digit < radix => digit,
            _ => break,
        };
        value = value.wrapping_mul(radix).wrapping_add(digit);
        used += 1;
    }
    Ok((value.cast_signed(), &digits[used..]))
}

/// Writes a number in a radix, with zeros to at least `width` digits.
pub(super) fn spell(value: i32, radix: u32, width: usize) -> Vec<u8> {
    let mut rest = value.unsigned_abs();
    let mut digits = Vec::new();
    while rest > 0 && digits.len() < WIDTH_MAX {
        digits.push(char::from_digit(if radix == 1 { 1 } else { rest % radix }, radix.max(2)).unwrap_or('0') as u8);
        rest = if radix == 1 { rest - 1 } else { rest / radix };
    }
    digits.resize(digits.len().max(width), b'0');
    if value < 0 {
        digits.push(b'-');
    }
    digits.reverse();
    digits
}
