//! What goes to stdout: data. A reader that closed the pipe ends the program quietly, as it does any other filter.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Writes one line to stdout.
pub fn line(text: Arguments) {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "cannot write to stdout: {error}");
            std::process::exit(i32::from(super::failure::Failure::ENVIRONMENT));
        }
        Ok(()) => {}
    }
}

/// `println!` that survives a closed pipe.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::say::line(format_args!($($text)*)) };
}

pub(crate) use say;
