//! An `Event` of TensorFlow as protocol buffers write it (`tensorflow/core/util/event.proto`), as far as scalars need it.

/// A message of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Seconds since 1970.
    pub wall_time: f64,
    pub step: i64,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// What every file begins with.
    Version(String),
    Scalar {
        tag: String,
        value: f32,
    },
}

/// Wire types of protocol buffers.
const VARINT: u8 = 0;
const EIGHT_BYTES: u8 = 1;
const DELIMITED: u8 = 2;
const FOUR_BYTES: u8 = 5;

impl Event {
    pub fn version(wall_time: f64) -> Event {
        Event { wall_time, step: 0, what: What::Version("brain.Event:2".to_string()) }
    }

    pub fn scalar(wall_time: f64, step: i64, tag: String, value: f64) -> Event {
        Event { wall_time, step, what: What::Scalar { tag, value: value as f32 } }
    }

    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut message = Vec::new();
        field(&mut message, 1, EIGHT_BYTES);
        message.extend(self.wall_time.to_le_bytes());
        if self.step != 0 {
            field(&mut message, 2, VARINT);
            varint(&mut message, self.step as u64);
        }
        match &self.what {
            What::Version(version) => delimited(&mut message, 3, version.as_bytes()),
            What::Scalar { tag, value } => delimited(&mut message, 5, &summary(tag, *value)),
        }
        message
    }
}

/// A `Summary` of one `Value`: its tag and the scalar.
fn summary(tag: &str, scalar: f32) -> Vec<u8> {
    let mut value = Vec::new();
    delimited(&mut value, 1, tag.as_bytes());
    field(&mut value, 2, FOUR_BYTES);
    value.extend(scalar.to_le_bytes());
    let mut summary = Vec::new();
    delimited(&mut summary, 1, &value);
    summary
}

fn field(message: &mut Vec<u8>, number: u8, wire: u8) {
    message.push(number << 3 | wire);
}

fn delimited(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    field(message, number, DELIMITED);
    varint(message, bytes.len() as u64);
    message.extend(bytes);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
