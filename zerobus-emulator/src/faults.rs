//! Faults on demand, by script or at random from a seed. Each fault that strikes is logged with its seed.
//!
//! The text form of a fault, for the command line and the control path:
//!
//! ```text
//! fault    := kind { " " option }
//! kind     := "ack-back" | "ack-beyond=" N | "ack-delay=" DURATION | "ack-drop" | "ack-empty" | "ack-repeat"
//!           | "ack-script=" STEP { "," STEP } | "close-signal=" DURATION | "disk-full" | "end" | "latency=" DURATION | "open-delay=" DURATION
//!           | "open-status=" STATUS | "reset" | "status=" STATUS | "token-rejected" | "token-status=" HTTP-STATUS
//! option   := "after=" N | "chance=" P | "table=" NAME | "times=" N
//! STEP     := OFFSET [ "/" DURATION ]                    3,9/200ms
//! STATUS   := gRPC code's name [ "/" error code ]        UNAVAILABLE/6006
//! DURATION := N "ms" | N "s"
//! ```
//!
//! | file | what it owns |
//! |---|---|
//! | `script` | the armed faults, and those that struck |
//! | `text` | the text form |

pub(crate) mod control;
pub(crate) mod script;
mod text;

use std::time::Duration;

use tonic::Code;

pub(crate) use script::AckStep;
pub use text::FaultError;

/// A fault: what goes wrong, and when.
///
/// ```
/// use std::time::Duration;
/// use zerobus_emulator::Fault;
///
/// let fault = Fault::reset().after(3).times(2);
/// assert_eq!(fault.to_string(), "reset after=3 times=2");
/// assert_eq!("ack-delay=50ms chance=0.25".parse(), Ok(Fault::ack_delay(Duration::from_millis(50)).chance(0.25)));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    kind: Kind,
    after: u64,
    chance: Option<f64>,
    table: Option<String>,
    times: Option<u64>,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    AckBack,
    AckBeyond(i64),
    AckDelay(Duration),
    AckDrop,
    AckEmpty,
    AckRepeat,
    AckScript(Vec<AckStep>),
    CloseSignal(Duration),
    DiskFull,
    End,
    Latency(Duration),
    OpenDelay(Duration),
    OpenStatus(Code, u32),
    Reset,
    Status(Code, u32),
    TokenRejected,
    TokenStatus(u16),
}

/// The points at which a fault can strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// An ack is about to be sent.
    Ack,
    /// A call arrives.
    Call,
    /// A request has been handled.
    Request,
    /// A token is requested.
    Token,
}

impl Fault {
    const fn new(kind: Kind) -> Self {
        Self { kind, after: 0, chance: None, table: None, times: None }
    }

    /// An ack is followed by one of a lower offset: a breach of the protocol.
    #[must_use]
    pub const fn ack_back() -> Self {
        Self::new(Kind::AckBack)
    }

    /// An ack names an offset that is this much too high: a breach of the protocol if it is beyond the last request.
    #[must_use]
    pub const fn ack_beyond(offsets: i64) -> Self {
        Self::new(Kind::AckBeyond(offsets))
    }

    /// An ack is delayed; it covers what is stored meanwhile.
    #[must_use]
    pub const fn ack_delay(delay: Duration) -> Self {
        Self::new(Kind::AckDelay(delay))
    }

    /// An ack is not sent; the next one covers it.
    #[must_use]
    pub const fn ack_drop() -> Self {
        Self::new(Kind::AckDrop)
    }

    /// An ack without an offset: a breach of the protocol.
    #[must_use]
    pub const fn ack_empty() -> Self {
        Self::new(Kind::AckEmpty)
    }

    /// An ack is sent twice, which the protocol permits.
    #[must_use]
    pub const fn ack_repeat() -> Self {
        Self::new(Kind::AckRepeat)
    }

    /// The acks of a stream, in this order: each offset is acked once it is stored and the delay is over.
    ///
    /// After the last one, acks continue as usual. Faults of acks count the acks of the script, and strike after it:
    /// `ack-script=3` with `ack-drop after=1` is a server that acks offset 3 and then sends no more acks.
    #[must_use]
    pub fn ack_script(steps: impl IntoIterator<Item = (i64, Duration)>) -> Self {
        let steps = steps.into_iter().map(|(offset, delay)| AckStep { offset, delay });
        Self::new(Kind::AckScript(steps.collect()))
    }

    /// CloseStreamSignal with this grace.
    #[must_use]
    pub const fn close_signal(grace: Duration) -> Self {
        Self::new(Kind::CloseSignal(grace))
    }

    /// The rows of a request cannot be stored: INTERNAL.
    #[must_use]
    pub const fn disk_full() -> Self {
        Self::new(Kind::DiskFull)
    }

    /// The server ends the stream with OK.
    #[must_use]
    pub const fn end() -> Self {
        Self::new(Kind::End)
    }

    /// Waits after each request before the next one is read.
    #[must_use]
    pub const fn latency(latency: Duration) -> Self {
        Self::new(Kind::Latency(latency))
    }

    /// The response that opens a stream is delayed.
    #[must_use]
    pub const fn open_delay(delay: Duration) -> Self {
        Self::new(Kind::OpenDelay(delay))
    }

    /// A call is refused with this status and numeric code.
    #[must_use]
    pub const fn open_status(status: Code, error_code: u32) -> Self {
        Self::new(Kind::OpenStatus(status, error_code))
    }

    /// The connection is cut without a status. The last requests may be stored, but are not acked.
    #[must_use]
    pub const fn reset() -> Self {
        Self::new(Kind::Reset)
    }

    /// A stream is ended with this status and numeric code.
    #[must_use]
    pub const fn status(status: Code, error_code: u32) -> Self {
        Self::new(Kind::Status(status, error_code))
    }

    /// A call is refused as if its token were invalid: UNAUTHENTICATED.
    #[must_use]
    pub const fn token_rejected() -> Self {
        Self::new(Kind::TokenRejected)
    }

    /// The token endpoint answers with this HTTP status.
    #[must_use]
    pub const fn token_status(status: u16) -> Self {
        Self::new(Kind::TokenStatus(status))
    }

    /// Strikes a stream after this number of its requests (for faults of acks: of its acks); 0 is at its opening.
    ///
    /// Faults of acks and latency continue from there; all others strike a stream once. Faults of calls and of tokens
    /// skip this number of calls or token requests, and strike every later one.
    #[must_use]
    pub const fn after(mut self, requests: u64) -> Self {
        self.after = requests;
        self
    }

    /// Strikes with this probability at each opportunity, from the emulator's seed.
    #[must_use]
    pub const fn chance(mut self, probability: f64) -> Self {
        self.chance = Some(probability);
        self
    }

    /// Strikes only streams of this table.
    #[must_use]
    pub fn table(mut self, table: impl Into<String>) -> Self {
        self.table = Some(table.into());
        self
    }

    /// Strikes this many times, then never again.
    #[must_use]
    pub const fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    fn point(&self) -> Point {
        match self.kind {
            Kind::AckBack
            | Kind::AckBeyond(_)
            | Kind::AckDelay(_)
            | Kind::AckDrop
            | Kind::AckEmpty
            | Kind::AckRepeat => Point::Ack,
            Kind::AckScript(_) | Kind::OpenDelay(_) | Kind::OpenStatus(..) | Kind::TokenRejected => Point::Call,
            Kind::CloseSignal(_) | Kind::DiskFull | Kind::End | Kind::Latency(_) | Kind::Reset | Kind::Status(..) => {
                Point::Request
            }
            Kind::TokenStatus(_) => Point::Token,
        }
    }

    /// Whether it ends the call, the stream or the token's request.
    fn is_final(&self) -> bool {
        matches!(
            self.kind,
            Kind::DiskFull
                | Kind::End
                | Kind::OpenStatus(..)
                | Kind::Reset
                | Kind::Status(..)
                | Kind::TokenRejected
                | Kind::TokenStatus(_)
        )
    }

    /// Whether it strikes repeatedly once it has begun.
    fn goes_on(&self) -> bool {
        self.chance.is_some() || self.point() != Point::Request || matches!(self.kind, Kind::Latency(_))
    }
}
