//! Formats and parses the text form of a fault.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use tonic::Code;
use zerobus_codegen::Printable;

use super::{AckStep, Fault, Kind};

/// A text that is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not {expected}; write a fault as in `reset after=3 times=2`, `ack-delay=50ms`, `status=UNAVAILABLE/6006 chance=0.1`", Printable(.found))]
pub struct FaultError {
    found: String,
    expected: &'static str,
}

const CODES: [(&str, Code); 17] = [
    ("ABORTED", Code::Aborted),
    ("ALREADY_EXISTS", Code::AlreadyExists),
    ("CANCELLED", Code::Cancelled),
    ("DATA_LOSS", Code::DataLoss),
    ("DEADLINE_EXCEEDED", Code::DeadlineExceeded),
    ("FAILED_PRECONDITION", Code::FailedPrecondition),
    ("INTERNAL", Code::Internal),
    ("INVALID_ARGUMENT", Code::InvalidArgument),
    ("NOT_FOUND", Code::NotFound),
    ("OK", Code::Ok),
    ("OUT_OF_RANGE", Code::OutOfRange),
    ("PERMISSION_DENIED", Code::PermissionDenied),
    ("RESOURCE_EXHAUSTED", Code::ResourceExhausted),
    ("UNAUTHENTICATED", Code::Unauthenticated),
    ("UNAVAILABLE", Code::Unavailable),
    ("UNIMPLEMENTED", Code::Unimplemented),
    ("UNKNOWN", Code::Unknown),
];

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let mut words = text.split_whitespace();
        let mut fault = Self::new(kind(words.next().unwrap_or_default())?);
        for word in words {
            let (name, value) = word.split_once('=').ok_or_else(|| unexpected(word, "an option"))?;
            fault = match name {
                "after" => fault.after(number(value)?),
                "chance" => fault.chance(probability(value)?),
                "table" => fault.table(value),
                "times" => fault.times(number(value)?),
                _ => return Err(unexpected(word, "one of the options after, chance, table, times")),
            };
        }
        Ok(fault)
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if self.after > 0 {
            write!(f, " after={}", self.after)?;
        }
        if let Some(chance) = self.chance {
            write!(f, " chance={chance}")?;
        }
        if let Some(table) = &self.table {
            write!(f, " table={}", Printable(table))?;
        }
        self.times.map_or(Ok(()), |times| write!(f, " times={times}"))
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AckBack => f.write_str("ack-back"),
            Self::AckBeyond(offsets) => write!(f, "ack-beyond={offsets}"),
            Self::AckDelay(delay) => write!(f, "ack-delay={}ms", delay.as_millis()),
            Self::AckDrop => f.write_str("ack-drop"),
            Self::AckEmpty => f.write_str("ack-empty"),
            Self::AckRepeat => f.write_str("ack-repeat"),
            Self::AckScript(steps) => {
                f.write_str("ack-script")?;
                for (place, AckStep { offset, delay }) in steps.iter().enumerate() {
                    write!(f, "{}{offset}", if place == 0 { '=' } else { ',' })?;
                    if !delay.is_zero() {
                        write!(f, "/{}ms", delay.as_millis())?;
                    }
                }
                Ok(())
            }
            Self::CloseSignal(grace) => write!(f, "close-signal={}ms", grace.as_millis()),
            Self::DiskFull => f.write_str("disk-full"),
            Self::End => f.write_str("end"),
            Self::Latency(latency) => write!(f, "latency={}ms", latency.as_millis()),
            Self::OpenDelay(delay) => write!(f, "open-delay={}ms", delay.as_millis()),
            Self::OpenStatus(code, number) => write!(f, "open-status={}/{number}", code_name(*code)),
            Self::Reset => f.write_str("reset"),
            Self::Status(code, number) => write!(f, "status={}/{number}", code_name(*code)),
            Self::TokenRejected => f.write_str("token-rejected"),
            Self::TokenStatus(status) => write!(f, "token-status={status}"),
        }
    }
}

fn kind(word: &str) -> Result<Kind, FaultError> {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let valued = || value.ok_or_else(|| unexpected(word, "a fault with its value"));
    let kind = match name {
        "ack-back" => Kind::AckBack,
        "ack-beyond" => Kind::AckBeyond(number(valued()?)?),
        "ack-delay" => Kind::AckDelay(duration(valued()?)?),
        "ack-drop" => Kind::AckDrop,
        "ack-empty" => Kind::AckEmpty,
        "ack-repeat" => Kind::AckRepeat,
        "ack-script" => Kind::AckScript(valued()?.split(',').map(step).collect::<Result<_, _>>()?),
        "close-signal" => Kind::CloseSignal(duration(valued()?)?),
        "disk-full" => Kind::DiskFull,
        "end" => Kind::End,
        "latency" => Kind::Latency(duration(valued()?)?),
        "open-delay" => Kind::OpenDelay(duration(valued()?)?),
        "open-status" => status(valued()?).map(|(code, number)| Kind::OpenStatus(code, number))?,
        "reset" => Kind::Reset,
        "status" => status(valued()?).map(|(code, number)| Kind::Status(code, number))?,
        "token-rejected" => Kind::TokenRejected,
        "token-status" => Kind::TokenStatus(number(valued()?)?),
        _ => return Err(unexpected(word, "a fault")),
    };
    Ok(kind)
}

fn status(text: &str) -> Result<(Code, u32), FaultError> {
    let (name, error_code) = text.split_once('/').unwrap_or((text, "0"));
    let code = CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, code)| *code);
    Ok((code.ok_or_else(|| unexpected(name, "a gRPC status"))?, number(error_code)?))
}

fn step(text: &str) -> Result<AckStep, FaultError> {
    let (offset, delay) = text.split_once('/').unwrap_or((text, "0ms"));
    Ok(AckStep { offset: number(offset)?, delay: duration(delay)? })
}

fn code_name(code: Code) -> &'static str {
    CODES.iter().find(|(_, known)| *known == code).map_or("UNKNOWN", |(name, _)| name)
}

fn duration(text: &str) -> Result<Duration, FaultError> {
    let expected = || unexpected(text, "a duration in ms or s");
    if let Some(millis) = text.strip_suffix("ms") {
        return millis.parse().map(Duration::from_millis).map_err(|_| expected());
    }
    let seconds = text.strip_suffix('s').ok_or_else(expected)?;
    seconds.parse().map(Duration::from_secs).map_err(|_| expected())
}

fn probability(text: &str) -> Result<f64, FaultError> {
    let found = text.parse().ok().filter(|probability| (0.0..=1.0).contains(probability));
    found.ok_or_else(|| unexpected(text, "a probability from 0 to 1"))
}

fn number<T: FromStr>(text: &str) -> Result<T, FaultError> {
    text.parse().map_err(|_| unexpected(text, "a number"))
}

fn unexpected(found: &str, expected: &'static str) -> FaultError {
    FaultError { found: found.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_reads_back_from_its_text() {
        for text in [
            "ack-back",
            "ack-beyond=7 times=1",
            "ack-delay=50ms after=2",
            "ack-drop chance=0.5",
            "ack-empty",
            "ack-repeat",
            "ack-script=3,9/200ms,-1 times=1",
            "close-signal=1000ms after=3",
            "disk-full times=1",
            "end after=1",
            "latency=2ms",
            "open-status=UNAVAILABLE/6006 times=2",
            "reset after=3 table=main.geo.quakes times=2",
            "status=INVALID_ARGUMENT/4044",
            "token-rejected times=1",
            "token-status=503",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        assert_eq!("close-signal=2s".parse::<Fault>().unwrap().to_string(), "close-signal=2000ms");
    }

    #[test]
    fn text_that_is_no_fault_is_an_error() {
        for text in [
            "",
            "explode",
            "reset after",
            "reset after=x",
            "reset often=1",
            "ack-delay",
            "ack-delay=5",
            "ack-script",
            "ack-script=1,,2",
            "ack-script=1/x",
            "status=BAD",
            "reset chance=2",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }
}
