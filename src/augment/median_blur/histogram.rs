//! Medians of large neighbourhoods in a time that does not depend on their size (Perreault & Hébert 2007): every
//! column keeps a histogram that moves down by a level at each row, and the neighbourhood's is a sum of columns.
//! Knows rows of bytes, three to a pixel, and no image.

/// 16 counts of 16 bits, four to a word: added and subtracted as words, for no count of a sum or of what remains
/// overflows (a neighbourhood of 255 × 255 has 65,025 levels).
type Counts = [u64; 4];

/// One channel's columns, kept from row to row.
#[derive(Debug, Default)]
pub struct Columns {
    /// By column: how many levels have each value of their high four bits.
    coarse: Vec<Counts>,
    /// By high four bits, then by column: how many have each value of the low four.
    fine: Vec<Counts>,
}

fn add(sum: &mut Counts, counts: &Counts) {
    sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}

fn subtract(sum: &mut Counts, counts: &Counts) {
    sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum -= count);
}

/// The bin that holds the one with `lower` levels below it, and how many lie in the bins before.
fn bin_of(counts: &Counts, lower: u64) -> (usize, u64) {
    // Times one in every place: each 16 bits of the product are the sum of the counts up to there.
    let sums = counts.map(|word| word.wrapping_mul(0x0001_0001_0001_0001));
    let first = sums[0] >> 48;
    let second = first + (sums[1] >> 48);
    let third = second + (sums[2] >> 48);
    let word = usize::from(first <= lower) + usize::from(second <= lower) + usize::from(third <= lower);
    let before = [0, first, second, third][word];
    let sum = |place: u32| before + ((sums[word] >> (16 * place)) & 0xffff);
    let places = [sum(0), sum(1), sum(2)];
    let place = places.iter().map(|sum| usize::from(*sum <= lower)).sum::<usize>();
    (4 * word + place, if place == 0 { before } else { places[place - 1] })
}

impl Columns {
    /// All columns empty.
    fn clear(&mut self, columns: usize) {
        for (counts, length) in [(&mut self.coarse, columns), (&mut self.fine, 16 * columns)] {
            counts.clear();
            counts.resize(length, Counts::default());
        }
    }

    /// Takes in a row, which begins at this channel.
    fn add(&mut self, row: &[u8]) {
        for x in 0..self.coarse.len() {
            self.count(x, row[3 * x], |counts, one| *counts += one);
        }
    }

    /// Takes in row `new` and forgets row `old`.
    fn replace(&mut self, old: &[u8], new: &[u8]) {
        for x in 0..self.coarse.len() {
            self.count(x, old[3 * x], |counts, one| *counts -= one);
            self.count(x, new[3 * x], |counts, one| *counts += one);
        }
    }

    #[inline(always)]
    fn count(&mut self, x: usize, level: u8, by: impl Fn(&mut u64, u64)) {
        let (high, low) = (usize::from(level >> 4), usize::from(level & 15));
        by(&mut self.coarse[x][high / 4], 1 << (16 * (high % 4)));
        by(&mut self.fine[high * self.coarse.len() + x][low / 4], 1 << (16 * (low % 4)));
    }

    /// The medians of the rows taken in, `size` columns at a time.
    fn medians(&self, size: usize, out: &mut [u8]) {
        let lower = (size * size / 2) as u64;
        let columns = self.coarse.len();
        let mut coarse = Counts::default();
        self.coarse[..size - 1].iter().for_each(|counts| add(&mut coarse, counts));
        let mut fine = [Counts::default(); 16];
        // The first of the columns that each of `fine` is the sum of.
        let mut from = [None; 16];
        for (x, out) in out.iter_mut().step_by(3).enumerate() {
            add(&mut coarse, &self.coarse[x + size - 1]);
            let (high, before) = bin_of(&coarse, lower);
            let of_high = &self.fine[high * columns..][..columns];
            move_to(&mut fine[high], from[high].replace(x), of_high, x, size);
            let (low, _) = bin_of(&fine[high], lower - before);
            *out = (16 * high + low) as u8;
            subtract(&mut coarse, &self.coarse[x]);
        }
    }
}

/// Makes a sum of `size` columns from `from` on one of those from `x` on: by what came and went, or all anew.
fn move_to(sum: &mut Counts, from: Option<usize>, columns: &[Counts], x: usize, size: usize) {
    match from {
        Some(from) if 2 * (x - from) < size => {
            for left in from..x {
                add(sum, &columns[left + size]);
                subtract(sum, &columns[left]);
            }
        }
        _ => {
            *sum = Counts::default();
            columns[x..x + size].iter().for_each(|counts| add(sum, counts));
        }
    }
}

/// The blurred image, `out`, of rows of `width` bytes; the rows of `bordered`, `stride` bytes apart, begin size / 2
/// pixels to the left and above. `size` is odd and at most 255.
pub fn median(
    columns: &mut Columns,
    bordered: &[u8],
    stride: usize,
    size: usize,
    width: usize,
    out: &mut [u8],
) {
    for channel in 0..3 {
        columns.clear(width / 3 + size - 1);
        let row = |y: usize| &bordered[y * stride + channel..];
        (0..size).for_each(|y| columns.add(row(y)));
        for (y, out) in out.chunks_exact_mut(width).enumerate() {
            if y > 0 {
                columns.replace(row(y - 1), row(y + size - 1));
            }
            columns.medians(size, &mut out[channel..]);
        }
    }
}
