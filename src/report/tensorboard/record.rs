//! A record of a TFRecord file: length, payload, and of both a masked CRC-32C.

/// The record of `payload`, as it stands in the file.
pub fn record(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(payload.len() + 16);
    record.extend(length);
    record.extend(masked(&length).to_le_bytes());
    record.extend(payload);
    record.extend(masked(payload).to_le_bytes());
    record
}

/// A CRC of data that holds CRCs is weak: TFRecord rotates it and adds a constant.
pub fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4), bit by bit: curves are short.
fn crc32c(bytes: &[u8]) -> u32 {
    const REVERSED: u32 = 0x82f6_3b78;
    let bit = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { REVERSED } else { 0 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc));
    !bytes.iter().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        // RFC 3720, B.4: 32 bytes of zeroes, and of ones.
        assert_eq!((crc32c(&[0; 32]), crc32c(&[0xff; 32])), (0x8a91_36aa, 0x62a8_ab43));
    }

    #[test]
    fn a_record_is_length_checksum_payload_checksum() {
        let record = record(b"ab");
        assert_eq!(
            (record.len(), &record[..8], &record[12..14]),
            (18, &[2, 0, 0, 0, 0, 0, 0, 0][..], &b"ab"[..])
        );
        assert_eq!(record[8..12], masked(&record[..8]).to_le_bytes());
        assert_eq!(record[14..], masked(b"ab").to_le_bytes());
    }
}
