//! What the JPEG decoder does not do: tell that a file is cut short.

/// Whether the end-of-image marker comes: the decoder fills what is missing with grey and says nothing. Walks marker
/// by marker (ITU T.81, B.1), because a thumbnail in a segment has an end of its own.
pub fn jpeg_is_whole(bytes: &[u8]) -> bool {
    const END: u8 = 0xD9;
    const SCAN: u8 = 0xDA;
    let mut at = 2;
    while let Some(marker) = next_marker(bytes, &mut at) {
        match marker {
            END => return true,
            // Restarts, and markers that stand alone.
            0x01 | 0xD0..=0xD8 => {}
            _ => {
                let Some(length) = bytes.get(at..at + 2) else { return false };
                at += usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
        }
        if marker == SCAN {
            skip_coded_data(bytes, &mut at);
        }
    }
    false
}

/// Skips bytes up to and including the next marker's; fill bytes before a marker are allowed.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    *at += bytes.get(*at..)?.iter().position(|byte| *byte == 0xFF)?;
    *at += bytes.get(*at..)?.iter().position(|byte| *byte != 0xFF)?;
    *at += 1;
    Some(bytes[*at - 1])
}

/// Moves to the first marker after coded data; `FF 00` is a coded `FF`.
fn skip_coded_data(bytes: &[u8], at: &mut usize) {
    while let Some(found) = bytes.get(*at..).and_then(|rest| rest.iter().position(|byte| *byte == 0xFF)) {
        *at += found;
        match bytes.get(*at + 1) {
            Some(0x00) | Some(0xD0..=0xD7) => *at += 2,
            _ => return,
        }
    }
    *at = bytes.len();
}
