//! What the TIFF decoder does not do: read pictures with a palette. Their tags are read here, their pixels as grey.

/// Tags of TIFF 6.0, sections 5 and 8.
const BITS: u16 = 258;
const PHOTOMETRIC: u16 = 262;
const PALETTE: u16 = 320;

/// A picture of indices, and the colours that they mean.
pub struct Indexed {
    /// The file with another word about its colours: its pixels are grey.
    pub grey: Vec<u8>,
    /// Red, green and blue of each index.
    pub colours: Vec<[u8; 3]>,
}

/// The first picture of a classic TIFF, if it has a palette of 256 colours, as good as all that have one.
pub fn indexed(bytes: &[u8]) -> Option<Indexed> {
    let little = match bytes.get(..4)? {
        b"II\x2a\0" => true,
        b"MM\0\x2a" => false,
        _ => return None,
    };
    let reader = Reader { bytes, little };
    let first = reader.long(4)? as usize;
    let entries = usize::from(reader.short(first)?);
    let entry = |tag: u16| -> Option<usize> {
        let mut places = (0..entries).map(|entry| first + 2 + 12 * entry);
        places.find(|place| reader.short(*place) == Some(tag))
    };
    let photometric = entry(PHOTOMETRIC)?;
    let bits = reader.short(entry(BITS)? + 8)?;
    if reader.short(photometric + 8)? != 3 || bits != 8 {
        return None;
    }
    let palette = entry(PALETTE)?;
    let at = reader.long(palette + 8)? as usize;
    // 16 bits a colour: all reds, then all greens, then all blues. Pillow, too, takes the high byte.
    let part = |channel: usize, index: usize| {
        reader.short(at.checked_add(2 * (channel * 256 + index))?).map(|value| (value >> 8) as u8)
    };
    let colour = |index: usize| Some([part(0, index)?, part(1, index)?, part(2, index)?]);
    let colours = (0..256).map(colour).collect::<Option<_>>()?;
    let mut grey = bytes.to_vec();
    let black_is_zero = if little { [1, 0] } else { [0, 1] };
    grey[photometric + 8..photometric + 10].copy_from_slice(&black_is_zero);
    Some(Indexed { grey, colours })
}

struct Reader<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl Reader<'_> {
    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}
