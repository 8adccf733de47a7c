//! How a verb ends when it cannot do what it was asked: an exit code and the words to show.

use std::fmt::Display;

/// A verb's failure. The message is shown on stderr; it may be empty where everything was said already.
#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    pub message: String,
}

impl Failure {
    pub const STAGE: u8 = 1;
    pub const USAGE: u8 = 2;
    pub const CONFIGURATION: u8 = 3;
    pub const ENVIRONMENT: u8 = 4;
    pub const BUDGET: u8 = 6;
    pub const INTERRUPTED: u8 = 130;

    pub fn new(code: u8, message: impl Display) -> Failure {
        Failure { code, message: message.to_string() }
    }

    /// A question that makes no sense here: no such stage, artifact, axis.
    pub fn usage(message: impl Display) -> Failure {
        Failure::new(Failure::USAGE, message)
    }

    /// The machine or the file system is in the way.
    pub fn environment(message: impl Display) -> Failure {
        Failure::new(Failure::ENVIRONMENT, message)
    }

    /// The failure was shown already.
    pub fn silent(code: u8) -> Failure {
        Failure { code, message: String::new() }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::environment(format!("{error:#}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::environment(error)
    }
}
