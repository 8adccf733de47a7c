//! Medians of large neighbourhoods by a histogram that slides along the row (Huang, Yang & Tang 1979).

use super::Bordered;

/// One channel's levels in the neighbourhood, and the median of a moment ago.
struct Window {
    counts: [u16; 256],
    median: usize,
    /// How many levels are lower than `median`.
    lower: u32,
    /// How many levels of the neighbourhood lie before its median.
    half: u32,
}

impl Window {
    fn add(&mut self, level: u8) {
        self.counts[usize::from(level)] += 1;
        self.lower += u32::from(usize::from(level) < self.median);
    }

    fn remove(&mut self, level: u8) {
        self.counts[usize::from(level)] -= 1;
        self.lower -= u32::from(usize::from(level) < self.median);
    }

    /// Walks from the last median to the present one.
    fn median(&mut self) -> u8 {
        while self.lower > self.half {
            self.median -= 1;
            self.lower -= u32::from(self.counts[self.median]);
        }
        while self.lower + u32::from(self.counts[self.median]) <= self.half {
            self.lower += u32::from(self.counts[self.median]);
            self.median += 1;
        }
        self.median as u8
    }
}

/// Row `y` of the blurred image; `size` is odd and at most 255.
pub fn median(bordered: &Bordered, y: usize, size: usize, out: &mut [u8]) {
    let column = |byte: usize| (y..y + size).map(move |row| bordered.levels[row * bordered.stride + byte]);
    for channel in 0..3 {
        let half = (size * size / 2) as u32;
        let mut window = Window { counts: [0; 256], median: 0, lower: 0, half };
        (0..size).flat_map(|x| column(3 * x + channel)).for_each(|level| window.add(level));
        for (x, pixel) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            if x > 0 {
                column(3 * (x - 1) + channel).for_each(|level| window.remove(level));
                column(3 * (x - 1 + size) + channel).for_each(|level| window.add(level));
            }
            pixel[channel] = window.median();
        }
    }
}
